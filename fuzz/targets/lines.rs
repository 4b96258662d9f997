//! Lines of any bytes: final result codes, reports and unsolicited lines are read without a panic,
//! and none is taken for two of them.

#![no_main]

use simcom_talk::at::Line;
use simcom_talk::ftps::{Report, Urc};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    if let Line::Text(text) = Line::classify(raw) {
        let report = Report::parse(&text).is_some();
        let other = matches!(Urc::parse(&text), Urc::Other(_));
        assert!(!report || other, "{text:?} is a report and unsolicited");
    }
});
