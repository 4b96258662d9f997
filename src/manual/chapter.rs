//! A chapter of a manual page that no command line has.

use clap_mangen::roff::{Roff, bold, roman};

/// A chapter.
#[derive(Debug, Clone, Copy)]
pub struct Chapter {
    /// Its heading, in capitals as the others are.
    pub heading: &'static str,
    /// What it says.
    pub parts: &'static [Part],
}

/// A part of a chapter.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// A paragraph.
    Text(&'static str),
    /// A name and what it is.
    Item(&'static str, &'static str),
    /// Lines that are shown as they are.
    Code(&'static str),
}

impl Chapter {
    /// Adds the chapter to a page.
    pub(super) fn add(&self, page: &mut Roff) {
        page.control("SH", [self.heading]);
        self.add_parts(page);
    }

    /// Adds what stands beneath the heading.
    pub(super) fn add_parts(&self, page: &mut Roff) {
        for part in self.parts {
            match part {
                Part::Text(text) => paragraph(page, text),
                Part::Item(name, text) => item(page, name, text),
                Part::Code(text) => code(page, text),
            }
        }
    }
}

/// Adds a paragraph.
pub(super) fn paragraph(page: &mut Roff, text: &str) {
    page.control("PP", []).text([roman(text)]);
}

/// Adds a name and what it is.
pub(super) fn item(page: &mut Roff, name: &str, text: &str) {
    page.control("TP", []).text([bold(name)]);
    page.text([roman(text)]);
}

fn code(page: &mut Roff, text: &str) {
    page.control("PP", []);
    page.control("RS", ["4"]).control("nf", []);
    page.text([roman(text.trim_end())]);
    page.control("fi", []).control("RE", []);
}
