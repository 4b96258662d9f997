//! The serial port as the system has it: a pseudo-terminal, opened by the real crate.

use std::path::PathBuf;

use cellftp::modem::Error;
use cellftp::modem::port::{Connector, SerialConnector};
use simcom_emulator::serve::pty::Pty;

fn connector(device: PathBuf) -> SerialConnector {
    SerialConnector {
        device,
        baud: 115_200,
        hardware_flow_control: false,
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_from_one_that_is_absent() {
    let pty = Pty::open().unwrap();
    let mut first = connector(pty.path().to_owned());
    let held = first.open().await.unwrap();
    let mut second = connector(pty.path().to_owned());
    match second.open().await {
        Err(Error::PortHeld { device, .. }) => assert_eq!(PathBuf::from(device), pty.path()),
        other => panic!("{:?}", other.map(drop)),
    }
    drop(held);
    assert!(second.open().await.is_ok());

    let mut absent = connector(PathBuf::from("/dev/no-such-port"));
    assert!(matches!(
        absent.open().await,
        Err(Error::DeviceAbsent { .. })
    ));
}
