//! The module as it is configured: its port, and what is set on it.

#[cfg(not(feature = "emulator"))]
use std::io;
use std::time::Duration;

use crate::config::{Config, Device, FlowControl, Module};
use crate::modem::port::{Connector, SerialConnector, StreamConnector};
#[cfg(feature = "emulator")]
use simcom_emulator::{Model, serve::in_process};
use simcom_talk::dialogue::{Patience, Setup};
use simcom_talk::ftps::Quirks;

/// How long content that comes fast is gathered: in this time a port at 12 MB/s brings 64 KiB. A block at 115200
/// baud takes 130 ms.
const GATHER: Duration = Duration::from_millis(5);

/// The settings of the module at bring-up.
pub(crate) fn setup(config: &Config, quirks: Quirks) -> Setup {
    Setup {
        hardware_flow_control: has_hardware_flow_control(&config.module),
        apn: config.module.network.apn(),
        download: config.transfers.download.into(),
        upload: config.transfers.upload.into(),
        quirks,
    }
}

/// How long the conversation waits for what no command has a time for.
pub(crate) fn patience() -> Patience {
    Patience {
        gather: GATHER,
        ..Patience::default()
    }
}

/// The connector of its port.
pub(crate) fn connector(config: &Module) -> Box<dyn Connector> {
    match &config.device {
        Device::Serial(device) => Box::new(SerialConnector {
            device: device.clone(),
            baud: config.baud,
            hardware_flow_control: has_hardware_flow_control(config),
        }),
        #[cfg(feature = "emulator")]
        Device::Emulator => {
            let profile = Model::of(config.emulator.family);
            let module = in_process(profile, config.emulator.knobs.clone());
            Box::new(StreamConnector(move || Ok(module.open())))
        }
        // The configuration refuses this value.
        #[cfg(not(feature = "emulator"))]
        Device::Emulator => Box::new(StreamConnector(|| {
            Err::<tokio::io::DuplexStream, _>(io::ErrorKind::Unsupported.into())
        })),
    }
}

fn has_hardware_flow_control(config: &Module) -> bool {
    config.flow_control == FlowControl::Hardware
}
