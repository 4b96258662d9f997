//! The secrets that were sent.

use std::collections::VecDeque;

use crate::at::CommandLine;

/// The last lines with a secret. What the module sends may hold parts of one: an echo that noise has
/// spoilt is not recognised as an echo, and reads like any other line.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    said: VecDeque<CommandLine>,
}

/// The current login, and the one before it: parts of it may still be on the line. A password whose
/// session is over is not kept any longer.
const KEPT: usize = 2;

impl Secrets {
    /// Takes note of a line that is sent.
    pub(super) fn said(&mut self, line: &CommandLine) {
        if line.is_secret() && !self.said.contains(line) {
            if self.said.len() >= KEPT {
                self.said.pop_front();
            }
            self.said.push_back(line.clone());
        }
    }

    /// Whether a text has a part in common with a secret that was sent.
    pub(super) fn share(&self, text: &str) -> bool {
        self.said.iter().any(|line| line.shares_secret(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(password: &str) -> CommandLine {
        CommandLine::write("AT+CFTPSLOGIN")
            .quoted("ftp.example")
            .number(21)
            .quoted("user")
            .secret(password)
            .number(0)
            .finish()
    }

    #[test]
    fn a_short_password_hides_what_stands_in_quotation_marks_only() {
        let mut secrets = Secrets::default();
        secrets.said(&login("p"));
        assert!(secrets.share("\"user\",\"p\",0"));
        assert!(secrets.share("ser\",\"p,0"));
        assert!(!secrets.share("+CPIN: SIM PIN, up"));
        secrets.said(&login(""));
        assert!(!secrets.share("\"\""));
    }
}
