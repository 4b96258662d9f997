//! `Reset`, and the reports of repairs.

use cellftp::client::watch_events_response::Event;
use cellftp::proto::{Outcome, RepairRung};

use crate::house::{House, here};

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_carried_out_told_and_survived() {
    let house = House::with("[module.emulator.knobs]\nboot_time = \"50ms\"\n").await;
    house.store("f", b"content");
    let client = house.client().await;
    let mut events = client.events(Vec::new()).await.unwrap();
    assert_eq!(client.size(&here(), "/f").await.unwrap(), 7);
    assert!(
        client
            .status()
            .await
            .unwrap()
            .repairs
            .unwrap()
            .last
            .is_none()
    );

    client.reset().await.unwrap();
    let repairs = client.status().await.unwrap().repairs.unwrap();
    let last = repairs.last.unwrap();
    assert_eq!(
        (last.rung(), last.outcome()),
        (RepairRung::Reset, Outcome::Succeeded),
        "{last:?}"
    );
    assert_eq!(last.cause, None);
    let counted = &repairs.last_hour_counts;
    assert!(
        counted
            .iter()
            .any(|count| count.rung() == RepairRung::Reset && count.try_count == 1)
    );
    let told = loop {
        let event = events.next().await.unwrap().unwrap();
        if let Some(Event::Repair(repair)) = event.event {
            break repair;
        }
    };
    assert_eq!(told, last);
    assert_eq!(client.size(&here(), "/f").await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_refuses_a_reset_says_so() {
    let refuses = "[module.emulator.knobs]\nrefuse = [\"+CRESET\", \"+CFUN\"]\n";
    let house = House::with(refuses).await;
    let error = house.client().await.reset().await.unwrap_err();
    let cellftp::client::Error::Refused(refusal) = error else {
        panic!("{error:?}")
    };
    assert_eq!(refusal.reason, "MODEM_ERROR");
    assert_eq!(refusal.metadata["command"], "AT+CFUN");
}
