//! Rows of words in columns.

use crate::plain::width;

/// A table with a head. Columns are as wide as their widest word; the last one has no end. Empty without rows.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut widths: Vec<usize> = head.iter().map(|word| width(word)).collect();
    for row in rows {
        for (widest, word) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(word));
        }
    }
    let mut text = String::new();
    let head: Vec<String> = head.iter().map(|word| (*word).to_owned()).collect();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (word, widest) in row.iter().zip(&widths) {
            line += word;
            line += &" ".repeat(widest.saturating_sub(width(word)) + 2);
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_word() {
        let rows = [
            vec!["\u{fc}ber".into(), "x".into()],
            vec!["a".into(), "long".into()],
        ];
        assert_eq!(
            table(&["ID", "WHAT"], &rows),
            "ID    WHAT\n\u{fc}ber  x\na     long\n"
        );
        assert_eq!(table(&["ID"], &[]), "");
    }
}
