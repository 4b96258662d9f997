//! Where a request goes: a profile, a session, or a server that it brings along with its TLS policy.

use std::num::NonZeroU16;
use std::sync::Arc;

use super::fields::Fields;
use crate::broker::terms::{SessionId, Target};
use crate::certificates::can_sign;
use crate::proto;
use simcom_talk::ftps::tls::{CaCertificate, ServerProof, TlsFloor, TlsPolicy};
use simcom_talk::ftps::value::{Host, NameCode, Password, Server, ServerType, Username};

impl Fields {
    /// The target of an operation.
    pub(super) fn target(&mut self, field: &str, target: Option<proto::Target>) -> Option<Target> {
        use proto::target::Destination;
        match target.and_then(|target| target.destination) {
            Some(Destination::Profile(name)) => self
                .named(&format!("{field}.profile"), name)
                .map(Target::Profile),
            Some(Destination::SessionId(id)) => self
                .named(&format!("{field}.session_id"), id)
                .map(|id| Target::Session(SessionId::new(id))),
            Some(Destination::InlineServer(server)) => {
                let field = format!("{field}.inline_server");
                let code = self.code(&field, &server.name_encoding);
                let server = self.server(&field, server);
                Some(Target::Inline(server?, code?))
            }
            None => self.refuse(field, "names no profile, session or server"),
        }
    }

    /// A server that the request brings along.
    pub(super) fn server(
        &mut self,
        field: &str,
        server: proto::InlineServer,
    ) -> Option<Arc<Server>> {
        let server_type = match server.security() {
            proto::Security::None => Some(ServerType::Ftp),
            proto::Security::AuthSsl => Some(ServerType::AuthSsl),
            proto::Security::AuthTls => Some(ServerType::AuthTls),
            proto::Security::Implicit => Some(ServerType::Implicit),
            proto::Security::Unspecified => self.refuse(
                &format!("{field}.security"),
                "is not specified; none, AUTH SSL, AUTH TLS and implicit TLS are different ports \
                 and risks, so there is no default",
            ),
        };
        let port = match (server.port, server_type) {
            (0, Some(server_type)) => Some(server_type.default_port()),
            (0, None) => None,
            (port, _) => u16::try_from(port)
                .ok()
                .and_then(NonZeroU16::new)
                .or_else(|| {
                    self.refuse(
                        &format!("{field}.port"),
                        format!("is {port}, the range is 1 to 65535"),
                    )
                }),
        };
        let single_ip = self
            .choice(
                &format!("{field}.data_address_mode"),
                server.data_address_mode,
            )
            .map(|mode| match mode {
                proto::DataAddressMode::FromReply => false,
                // Most servers stand behind address translation (SIMCom manual L1216).
                proto::DataAddressMode::Unspecified | proto::DataAddressMode::SameAsControl => true,
            });
        let tls = server_type.and_then(|server_type| self.tls(field, &server, server_type));
        let host = self.check(&format!("{field}.host"), Host::new(server.host));
        let username = self.check(&format!("{field}.username"), Username::new(server.username));
        let password = self.check(&format!("{field}.password"), Password::new(server.password));
        Some(Arc::new(Server {
            host: host?,
            port: port?,
            username: username?,
            password: password?,
            server_type: server_type?,
            single_ip: single_ip?,
            tls: tls?,
        }))
    }

    /// The encoding of a server's names; UTF-8 where the request names none.
    pub(super) fn code(&mut self, field: &str, label: &str) -> Option<NameCode> {
        if label.is_empty() {
            return Some(NameCode::default());
        }
        NameCode::new(label).or_else(|| {
            self.refuse(
                &format!("{field}.name_encoding"),
                "is no code that is known and has ASCII in it, as utf-8, latin1 or shift_jis",
            )
        })
    }

    /// What TLS must prove. Nothing is assumed for the caller.
    fn tls(
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
            proto::ServerVerification::None => Some(ServerProof::None),
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
                match CaCertificate::from_pem(&server.ca_certificate, can_sign) {
                    Ok(ca) => Some(ServerProof::Required(ca)),
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
            // Only profiles have a client key: a key should not travel with every request.
            identity: None,
        })
    }
}
