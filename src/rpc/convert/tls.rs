//! What a caller asks of the TLS of a server.

use super::request::Fields;
use crate::proto;
use simcom_talk::ftps::tls::{CaCertificate, TlsFloor, TlsPolicy, Verify};
use simcom_talk::ftps::value::ServerType;

impl Fields {
    /// What TLS must prove: nothing is assumed in the caller's stead.
    pub(super) fn tls(
        &mut self,
        field: &str,
        server: &proto::InlineServer,
        server_type: ServerType,
    ) -> Option<TlsPolicy> {
        let verification = self.choice(&format!("{field}.verification"), server.verification);
        let floor = self.choice(&format!("{field}.tls_floor"), server.tls_floor);
        let names = self
            .choice(
                &format!("{field}.server_name_indication"),
                server.server_name_indication,
            )
            .map(|choice| !matches!(choice, proto::ServerNameIndication::Omitted));
        let given = !server.ca_certificate.is_empty();
        let ca_field = format!("{field}.ca_certificate");
        let verify = match verification? {
            _ if !server_type.is_tls() => {
                return if given {
                    self.refuse(&ca_field, "is given, but `security` is NONE")
                } else {
                    floor.map(|_: proto::TlsFloor| TlsPolicy::unverified())
                };
            }
            proto::ServerVerification::None if given => {
                self.refuse(&ca_field, "is given, but `verification` is NONE")
            }
            proto::ServerVerification::None => Some(Verify::None),
            proto::ServerVerification::Unspecified | proto::ServerVerification::Required
                if !given =>
            {
                self.refuse(
                    &ca_field,
                    "is empty, and a module knows no authorities; send the certificate that \
                     signed the server's, or `verification` NONE",
                )
            }
            proto::ServerVerification::Unspecified | proto::ServerVerification::Required => {
                match CaCertificate::from_pem(&server.ca_certificate) {
                    Ok(ca) => Some(Verify::Required(ca)),
                    Err(error) => self.refuse(&ca_field, error.to_string()),
                }
            }
        };
        Some(TlsPolicy {
            verify: verify?,
            floor: match floor? {
                proto::TlsFloor::Any => TlsFloor::Any,
                proto::TlsFloor::Unspecified | proto::TlsFloor::Tls12 => TlsFloor::Tls12,
            },
            sni: TlsPolicy::sni_for(&server.host, names?),
            // Only profiles have keys: one should not travel with every request.
            identity: None,
        })
    }
}
