//! The lines of a listing of module files. Other lines may stand among them, and a name may read like
//! another line.

use crate::ftps::unsolicited;

/// What has come of a listing.
///
/// A file may be called `OK`, `ERROR` or `RDY`. Then its name is one line like any other. The number of
/// names, which `AT+FSLS?` has told before, decides which line ends the listing and which lines were
/// names. Where it has not, the listing ends where nothing follows its last line.
#[derive(Debug)]
pub(super) struct Names {
    expected: Option<usize>,
    rows: Vec<Row>,
    bytes: usize,
}

#[derive(Debug)]
struct Row {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `+FSLS: FILES:`
    Title,
    /// Only a name reads like this.
    Name,
    /// A name, or a line that the module sends by itself.
    Doubtful,
    /// A name, or the end.
    Final,
}

/// Most bytes of a listing that are kept, more than any directory of a module needs. Where more comes,
/// the count of names is wrong and the listing fails.
const MOST: usize = 1024 * 1024;

impl Names {
    pub(super) const fn new(expected: Option<usize>) -> Self {
        Self {
            expected,
            rows: Vec::new(),
            bytes: 0,
        }
    }

    /// Takes a line. Returns whether it shows that the listing goes on.
    pub(super) fn take(&mut self, text: String, ends: bool) -> bool {
        if self.bytes > MOST {
            return false;
        }
        self.bytes += text.len();
        let kind = if ends {
            Kind::Final
        } else if text.starts_with("+FSLS:") {
            Kind::Title
        } else if !self.rows.is_empty() && unsolicited::is_only_a_file_name(&text) {
            Kind::Name
        } else {
            Kind::Doubtful
        };
        self.rows.push(Row { text, kind });
        matches!(kind, Kind::Title | Kind::Name)
    }

    /// Whether the last line is the end, whatever may follow.
    pub(super) fn is_complete(&self) -> bool {
        let sure = self.count(|kind| kind == Kind::Name);
        let Some(expected) = self.expected else {
            return false;
        };
        sure >= expected || sure + self.doubts() == expected
    }

    /// The titles and names, and whether one of them may have been another line.
    pub(super) fn names(&self) -> (Vec<String>, bool) {
        let sure = self.count(|kind| kind == Kind::Name);
        let with_doubtful = match self.expected {
            Some(expected) => sure < expected && sure + self.doubts() == expected,
            None => true,
        };
        let end = self.rows.len().saturating_sub(1);
        let named = |(at, row): (usize, &Row)| match row.kind {
            Kind::Title | Kind::Name => true,
            Kind::Doubtful => with_doubtful && at > 0,
            Kind::Final => with_doubtful && at < end,
        };
        let names = self.rows.iter().enumerate();
        let names = names.filter(|row| named(*row));
        let names = names.map(|(_, row)| row.text.clone()).collect();
        (names, with_doubtful && self.doubts() > 0)
    }

    /// The lines that were neither names nor the end.
    pub(super) fn unsolicited(&self) -> Vec<String> {
        let (names, doubted) = self.names();
        if doubted {
            return Vec::new();
        }
        let doubtful = self.rows.iter().filter(|row| row.kind == Kind::Doubtful);
        let texts = doubtful.map(|row| row.text.clone());
        texts.filter(|text| !names.contains(text)).collect()
    }

    fn count(&self, of: impl Fn(Kind) -> bool) -> usize {
        self.rows.iter().filter(|row| of(row.kind)).count()
    }

    /// How many lines may or may not be names. The last line does not count where it may be the end.
    fn doubts(&self) -> usize {
        let doubts = self.count(|kind| matches!(kind, Kind::Doubtful | Kind::Final));
        let ends = self.rows.last().is_some_and(|row| row.kind == Kind::Final);
        doubts.saturating_sub(usize::from(ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names, and whether any of them is in doubt. The listing tells how many names it has.
    fn read(expected: Option<usize>, lines: &[&str]) -> (Vec<String>, bool, bool) {
        let mut names = Names::new(expected);
        for line in lines {
            names.take(
                (*line).into(),
                matches!(*line, "OK" | "ERROR" | "+CME ERROR: 3"),
            );
        }
        let (mut found, doubted) = names.names();
        found.retain(|name| !name.starts_with("+FSLS:"));
        (found, doubted, names.is_complete())
    }

    #[test]
    fn files_called_ok_error_and_rdy_are_names_where_their_number_says_so() {
        const T: &str = "+FSLS: FILES:";
        for (expected, lines, want, doubted) in [
            (2, &[T, "a", "b", "OK"][..], &["a", "b"][..], false),
            (2, &[T, "OK", "b", "OK"], &["OK", "b"], true),
            (3, &[T, "a", "OK", "OK", "OK"], &["a", "OK", "OK"], true),
            (2, &[T, "ERROR", "RDY", "OK"], &["ERROR", "RDY"], true),
            (1, &[T, "+CME ERROR: 3", "OK"], &["+CME ERROR: 3"], true),
            (2, &[T, "> x", "a", "OK"], &["> x", "a"], false),
            // A line that came in between is none of the names.
            (1, &[T, "RING", "a", "OK"], &["a"], false),
            (1, &[T, "a", "+CMTI: \"SM\",4", "OK"], &["a"], false),
        ] {
            let (names, doubt, complete) = read(Some(expected), lines);
            assert_eq!(names, want, "{lines:?}");
            assert!(complete, "{lines:?}");
            assert_eq!(doubt, doubted, "{lines:?}");
        }
        // More lines are to come.
        for lines in [&[T, "OK"][..], &[T, "a", "OK"], &[T, "ERROR", "a", "OK"]] {
            assert!(!read(Some(3), lines).2, "{lines:?}");
        }
        assert!(!read(None, &[T, "a", "OK"]).2);
        assert!(read(Some(0), &["OK"]).2);
    }
}
