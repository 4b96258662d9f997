//! The report of the doctor, for people and for programs.

use std::fmt;

use serde::Serialize;

use super::plain::plain;

/// All findings, in the order of the examination.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    version: &'static str,
    device: String,
    findings: Vec<Finding>,
    /// The profile that the next findings are about.
    #[serde(skip)]
    profile: Option<String>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    check: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(rename = "verdict")]
    severity: Severity,
    finding: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// How severe a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    Ok,
    /// It works, but something may go wrong, or is not as safe as it could be.
    Warning,
    /// It does not work.
    Problem,
}

impl Report {
    /// A report without findings.
    pub(super) fn new(device: &str) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            device: plain(device),
            findings: Vec::new(),
            profile: None,
        }
    }

    /// The findings from now on are about this profile.
    pub(super) fn about(&mut self, profile: Option<&str>) {
        self.profile = profile.map(plain);
    }

    pub(super) fn ok(&mut self, check: &'static str, finding: &str) {
        self.add(check, Severity::Ok, finding, None);
    }

    pub(super) fn warning(&mut self, check: &'static str, finding: &str, advice: &str) {
        self.add(check, Severity::Warning, finding, Some(advice));
    }

    pub(super) fn problem(&mut self, check: &'static str, finding: &str, advice: &str) {
        self.add(check, Severity::Problem, finding, Some(advice));
    }

    fn add(
        &mut self,
        check: &'static str,
        severity: Severity,
        finding: &str,
        advice: Option<&str>,
    ) {
        self.findings.push(Finding {
            check,
            profile: self.profile.clone(),
            severity,
            finding: plain(finding),
            advice: advice.map(plain),
        });
    }

    /// Whether something does not work.
    pub(super) fn has_problems(&self) -> bool {
        self.count(Severity::Problem) > 0
    }

    /// One document.
    pub(super) fn to_json(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Document<'a> {
            problems: usize,
            warnings: usize,
            #[serde(flatten)]
            report: &'a Report,
        }
        let text = serde_json::to_string_pretty(&Document {
            problems: self.count(Severity::Problem),
            warnings: self.count(Severity::Warning),
            report: self,
        })?;
        Ok(text + "\n")
    }

    fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings.filter(|found| found.severity == severity).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "cellftpd {} doctor, device {}",
            self.version, self.device
        )?;
        let mut profile = &None;
        for finding in &self.findings {
            if finding.profile != *profile {
                profile = &finding.profile;
                writeln!(f, "\nserver profile {}", profile.as_deref().unwrap_or("-"))?;
            }
            let severity = match finding.severity {
                Severity::Ok => "ok",
                Severity::Warning => "warning",
                Severity::Problem => "PROBLEM",
            };
            writeln!(f, "{severity:8} {:13} {}", finding.check, finding.finding)?;
            if let Some(advice) = &finding.advice {
                writeln!(f, "{:22} -> {advice}", "")?;
            }
        }
        let (problems, warnings) = (self.count(Severity::Problem), self.count(Severity::Warning));
        writeln!(f, "\nproblems: {problems}, warnings: {warnings}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("/dev/ttyUSB2");
        report.ok("port", "The port is open.");
        report.about(Some("office"));
        report.warning("tls", "Nothing is encrypted.", "Use TLS.");
        report
    }

    #[test]
    fn a_report_is_read_by_people_and_by_programs() {
        let mut report = report();
        assert!(!report.has_problems());
        let text = report.to_string();
        assert!(
            text.contains("\nok       port          The port is open.\n"),
            "{text}"
        );
        assert!(text.contains("\nserver profile office\n"), "{text}");
        assert!(
            text.ends_with("-> Use TLS.\n\nproblems: 0, warnings: 1\n"),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&report.to_json().unwrap()).unwrap();
        assert_eq!(json["warnings"], 1);
        assert_eq!(json["findings"][1]["profile"], "office");
        assert_eq!(json["findings"][1]["verdict"], "warning");
        report.problem("login", "The server refused.", "Ask it.");
        assert!(report.has_problems());
    }

    #[test]
    fn no_long_number_is_in_it_wherever_it_came_from() {
        let mut report = report();
        report.problem("sim", "SIM 8914900001234567890", "call +4915112345678");
        let json = report.to_json().unwrap();
        for text in [report.to_string(), json] {
            assert!(!text.contains("8914900001234567890"), "{text}");
            assert!(!text.contains("4915112345678"), "{text}");
        }
    }
}
