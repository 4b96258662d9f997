//! `cellftp health`.

use cellftp::client::Client;
use serde_json::json;

use crate::args::Args;
use crate::failure::Failure;
use crate::output::print;

pub(crate) async fn run(
    args: &Args,
    service: Option<&str>,
    client: &Client,
) -> Result<(), Failure> {
    let service = full_name(service.unwrap_or_default());
    if client.serves(&service).await? {
        return print(
            args.json,
            "serving\n",
            || json!({ "service": service, "serving": true }),
        );
    }
    let who = if service.is_empty() {
        "the daemon"
    } else {
        &service
    };
    Err(Failure::NotServing(format!("{who} does not serve now")))
}

/// Services of the daemon may be named without their package.
fn full_name(service: &str) -> String {
    if service.is_empty() || service.contains('.') {
        service.into()
    } else {
        format!("cellftp.v1.{service}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_may_be_named_without_its_package() {
        for (given, full) in [
            ("", ""),
            ("FtpsService", "cellftp.v1.FtpsService"),
            ("cellftp.v1.FtpsService", "cellftp.v1.FtpsService"),
        ] {
            assert_eq!(full_name(given), full);
        }
    }
}
