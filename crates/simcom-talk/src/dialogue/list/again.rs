//! A listing that is asked for again after it broke off.

use std::hash::{DefaultHasher, Hasher};

use bytes::Bytes;

/// Counts how much of a listing was delivered, and checks whether the repeated listing begins with that. No
/// offset reaches into a listing, so the repeated listing comes from its beginning. The part that was
/// delivered is thrown away, and only what follows it is handed on.
#[derive(Debug, Default)]
pub(super) struct Again {
    delivered: u64,
    /// Checksum of what was delivered.
    sum: DefaultHasher,
    /// Bytes that are still to be compared with what was delivered, and their checksum so far.
    left: u64,
    over: DefaultHasher,
    differs: bool,
}

impl Again {
    /// Begins when the listing is asked for again.
    pub(super) fn begin(&mut self) {
        self.left = self.delivered;
        self.over = DefaultHasher::new();
    }

    /// Takes content. Returns the part that is to be delivered.
    pub(super) fn take(&mut self, mut bytes: Bytes) -> Bytes {
        let known = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let known = bytes.split_to(known);
        self.over.write(&known);
        self.left -= known.len() as u64;
        if !known.is_empty() && self.left == 0 {
            self.differs |= self.over.finish() != self.sum.finish();
        }
        if self.differs {
            return Bytes::new();
        }
        self.sum.write(&bytes);
        self.delivered += bytes.len() as u64;
        bytes
    }

    /// Bytes delivered.
    pub(super) const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether the repeated listing is another one: the directory has changed meanwhile.
    pub(super) const fn differs(&self) -> bool {
        self.differs
    }

    /// Whether all that was delivered belongs to one listing.
    pub(super) const fn is_whole(&self) -> bool {
        self.left == 0 && !self.differs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(again: &mut Again, parts: &[&'static str]) -> String {
        let new = parts
            .iter()
            .map(|part| again.take(Bytes::from_static(part.as_bytes())));
        new.map(|new| String::from_utf8(new.to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn a_listing_that_comes_again_goes_on_where_it_broke_off() {
        let mut again = Again::default();
        assert_eq!(taken(&mut again, &["one\r\n", "tw"]), "one\r\ntw");
        again.begin();
        assert!(!again.is_whole());
        assert_eq!(taken(&mut again, &["one", "\r\ntwo\r\n"]), "o\r\n");
        assert!(again.is_whole());
        assert_eq!(again.delivered(), 10);
        again.begin();
        assert_eq!(taken(&mut again, &["one\r\ntwo\r\nthree"]), "three");
    }

    #[test]
    fn another_listing_is_not_taken_for_the_rest_of_the_first() {
        let mut again = Again::default();
        taken(&mut again, &["one\r\ntw"]);
        again.begin();
        assert_eq!(taken(&mut again, &["new\r\none\r\n"]), "");
        assert!(again.differs() && !again.is_whole());
        // A listing that ends early is another one, too.
        let mut again = Again::default();
        taken(&mut again, &["one\r\n"]);
        again.begin();
        taken(&mut again, &["one"]);
        assert!(!again.is_whole());
    }
}
