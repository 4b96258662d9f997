//! What content costs on the air: an estimate, because the module does not report it.

use simcom_talk::dialogue::operation::Task;
use simcom_talk::ftps::value::Server;

/// Content of one block (`<data_len>`, SIMCom manual L1215).
pub(super) const BLOCK: u64 = 2048;

/// Content in one TCP segment: what IPv4 carries through the 1430 bytes that cellular networks
/// commonly let pass, less its own and TCP's 20 bytes each (RFC 9293 §3.7.1) and the tunnels of
/// some networks.
const SEGMENT: u64 = 1360;

/// Overhead of a segment: its own headers, and half of an acknowledgement, since a receiver sends
/// one for every second segment (RFC 9293 §3.8.6.3).
const HEADERS: u64 = 40 + 20;

/// What TLS adds to a segment: a record header of 5 bytes, 8 of nonce and 16 of tag (RFC 5246
/// §6.2.3.3, RFC 5288 §3). The buffers of modules are too small for longer records.
const RECORD: u64 = 5 + 8 + 16;

/// Three segments that open a connection and four that close it.
const CONNECTION: u64 = 7 * 40;

/// A handshake with a server certificate and one issuer certificate, 1 to 1.5 KiB each, the rest of
/// both flights, and the headers. The second connection costs the same: modules do not resume TLS
/// sessions.
const HANDSHAKE: u64 = 4500;

/// A command and its reply: about 40 bytes of text each way, two segments and an acknowledgement.
const EXCHANGE: u64 = 2 * 40 + 3 * 40;

/// A DNS query for the server's name and its answer (RFC 1035 §4.1).
const NAME: u64 = 2 * 100;

/// The commands from USER to TYPE and PWD, the greeting and QUIT.
const LOGIN: u64 = 7 * EXCHANGE;

/// AUTH, PBSZ and PROT (RFC 4217 §4).
const PROTECTION: u64 = 3 * EXCHANGE;

/// Content that an upload keeps for comparison with what it wrote in blocks.
const KEPT: u64 = 64 * 1024;

/// How content is carried to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Air {
    tls: bool,
    /// Content of an upload for each data connection; `None`: one connection carries it all.
    block: Option<u64>,
}

impl Air {
    /// To a server; `block` is the size of a block where uploads go in blocks.
    pub(super) fn to(server: &Server, block: Option<u64>) -> Self {
        Self {
            tls: server.server_type.is_tls(),
            block,
        }
    }

    /// A login.
    pub(super) const fn login(self) -> u64 {
        let protection = if self.tls { HANDSHAKE + PROTECTION } else { 0 };
        NAME + CONNECTION + LOGIN + protection
    }

    /// `count` commands that move no content.
    pub(super) const fn commands(self, count: u64) -> u64 {
        let record = if self.tls { 2 * RECORD } else { 0 };
        count * (EXCHANGE + record)
    }

    /// A data connection with its commands: PASV, the transfer, and two replies.
    pub(super) const fn data_connection(self) -> u64 {
        let handshake = if self.tls { HANDSHAKE } else { 0 };
        CONNECTION + handshake + self.commands(2)
    }

    /// Content alone, in either direction.
    pub(super) const fn content(self, bytes: u64) -> u64 {
        let headers = bytes.div_ceil(SEGMENT).saturating_mul(self.beside());
        bytes.saturating_add(headers)
    }

    /// A file or listing through one data connection.
    pub(super) const fn whole(self, bytes: u64) -> u64 {
        self.data_connection().saturating_add(self.content(bytes))
    }

    /// A file in the form that uploads have.
    pub(super) fn upload(self, bytes: u64) -> u64 {
        let connections = self
            .block
            .map_or(1, |block| bytes.div_ceil(block.max(1)).max(1));
        let around = connections.saturating_mul(self.data_connection());
        around.saturating_add(self.content(bytes))
    }

    /// The most content that one data connection carries within `air` bytes.
    pub(super) const fn longest(self, air: u64) -> u64 {
        let air = air.saturating_sub(self.data_connection());
        let full = air / (SEGMENT + self.beside());
        let rest = air % (SEGMENT + self.beside());
        full * SEGMENT + rest.saturating_sub(self.beside())
    }

    const fn beside(self) -> u64 {
        if self.tls { HEADERS + RECORD } else { HEADERS }
    }
}

/// The traffic that a task causes on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// None: the task concerns the module alone.
    None,
    /// Only commands, this many.
    Commands(u64),
    /// Content from the server.
    Down {
        /// First byte that counts.
        from: u64,
        /// Commands around it.
        commands: u64,
    },
    /// Content to the server, between two questions for the size.
    Up {
        /// First byte that counts.
        from: u64,
        /// One data connection carries it, whatever form uploads have.
        whole: bool,
        /// The upload reads blocks back and compares them, as far as it has kept them.
        reads_back: bool,
    },
}

impl Traffic {
    pub(crate) fn of(task: &Task) -> Self {
        match task {
            Task::Stand
            | Task::ListModule(_)
            | Task::DeleteModuleFile(_)
            | Task::ReadModuleFile(_)
            | Task::WriteModuleFile(_)
            | Task::Space(_)
            | Task::ReadSingleIp
            | Task::SingleIp(_)
            | Task::Network
            | Task::Ask(_)
            | Task::Repair(_) => Self::None,
            Task::WorkingDirectory
            | Task::MakeDirectory(_)
            | Task::RemoveDirectory(_)
            | Task::DeleteFile(_)
            | Task::Size(_) => Self::Commands(1),
            Task::ChangeDirectory(_) => Self::Commands(2),
            // The listing of its directory, and a question for the size.
            Task::Stat(_) => Self::Down {
                from: 0,
                commands: 1,
            },
            // The task asks for the size, reads the end, and deletes the file.
            Task::Clear(_) => Self::Down {
                from: 0,
                commands: 2,
            },
            Task::List(_) | Task::Survey(_) => Self::Down {
                from: 0,
                commands: 0,
            },
            // The task counts the content that it moves, without the bytes before its offset.
            Task::Download(what) => Self::Down {
                from: what.begun.as_ref().map_or(0, |begun| begun.got),
                commands: 1,
            },
            Task::Fetch(what) => Self::Down {
                from: what.offset.get(),
                commands: 1,
            },
            Task::Upload(what) => Self::Up {
                from: what.begun.as_ref().map_or(0, |begun| begun.at),
                whole: false,
                reads_back: what.verify_size,
            },
            Task::Send(what) => Self::Up {
                from: what.offset.get(),
                whole: true,
                reads_back: false,
            },
        }
    }

    /// Content that an upload of `bytes` bytes reads back.
    pub(super) fn read_back(self, air: Air, bytes: u64) -> u64 {
        match self {
            Self::Up {
                from,
                whole: false,
                reads_back: true,
            } if from > 0 || air.block.is_some() => bytes.min(KEPT),
            _ => 0,
        }
    }

    /// The cost with `bytes` bytes of content.
    pub(super) fn cost(self, air: Air, bytes: u64) -> u64 {
        match self {
            Self::None => 0,
            Self::Commands(count) => air.commands(count),
            Self::Down { commands, .. } => air.commands(commands).saturating_add(air.whole(bytes)),
            Self::Up { whole, from, .. } => {
                let content = if whole {
                    air.whole(bytes)
                } else if from > 0 {
                    // A stream cannot begin at an offset (SIMCom manual L1215).
                    Air {
                        block: Some(BLOCK),
                        ..air
                    }
                    .upload(bytes)
                } else {
                    air.upload(bytes)
                };
                air.commands(2).saturating_add(content)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Air = Air {
        tls: false,
        block: None,
    };
    const TLS: Air = Air {
        tls: true,
        block: None,
    };

    #[test]
    fn a_large_file_costs_a_twentieth_more_and_tls_some_of_it() {
        let megabyte = 1 << 20;
        let more = |air: Air| air.whole(megabyte) - megabyte;
        assert!((40_000..60_000).contains(&more(PLAIN)), "{}", more(PLAIN));
        assert!((60_000..80_000).contains(&more(TLS)), "{}", more(TLS));
    }

    #[test]
    fn a_block_costs_a_data_connection() {
        let blocks = Air {
            block: Some(2048),
            ..TLS
        };
        assert_eq!(blocks.upload(2048), TLS.upload(2048));
        let more = blocks.upload(20_480) - TLS.upload(20_480);
        assert_eq!(more, 9 * TLS.data_connection());
        assert_eq!(blocks.upload(0), TLS.upload(0));
    }

    #[test]
    fn what_fits_fits_and_a_byte_more_does_not() {
        for air in [PLAIN, TLS] {
            for room in [0, 10, 5_000, 6_000, 7_000, 100_000, 1 << 30] {
                let longest = air.longest(room);
                assert!(longest == 0 || air.whole(longest) <= room, "{room}");
                assert!(air.whole(longest + 1) > room, "{room}");
            }
        }
        assert!(TLS.upload(u64::MAX) == u64::MAX);
    }
}
