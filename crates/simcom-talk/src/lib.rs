//! The host's side of the conversation with a SIMCom cellular module that moves files by `AT+CFTPS..`.
//!
//! There are three rooms, and each names only those before it: [`at`], the grammar of V.250 (lines, prompts, counted
//! blocks); [`ftps`], the commands of SIMCom's manual as types, with their answers, error codes and listings;
//! [`dialogue`], which carries out one task after the other and says what to write to the port, what to wait for and
//! until when.
//!
//! Nothing here reads a port, a file or a clock, and nothing needs a runtime: bytes and times go in, steps come out.
//! The program `examples/get.rs` reads a file over a serial port. This is what it does in a loop, once by hand:
//!
//! ```
//! use simcom_talk::dialogue::operation::{Standing, Task};
//! use simcom_talk::dialogue::{Dialogue, Moment, Operation, Patience, Setup, Step};
//!
//! let mut dialogue = Dialogue::new(Setup::default(), Patience::default());
//! dialogue.handle_port_opened();
//! let operation = Operation { standing: Standing::Started, task: Task::Stand };
//! dialogue.begin(operation).expect("none is under way");
//!
//! // First comes what ends content that another program may have left unfinished.
//! let Step::Write { bytes, .. } = dialogue.poll(Moment::ORIGIN) else { unreachable!() };
//! assert_eq!(bytes.as_ref(), b"\x1a\x1a");
//!
//! // Then the line has to be quiet for a while; nothing came, and the time has passed.
//! let step = dialogue.poll(Moment::ORIGIN);
//! let until = step.deadline().expect("it listens");
//! dialogue.handle_deadline(until);
//! let Step::Write { bytes, .. } = dialogue.poll(until) else { unreachable!() };
//! assert_eq!(bytes.as_ref(), b"AT\r");
//!
//! dialogue.handle_bytes(b"\r\nOK\r\n", until);
//! assert!(matches!(dialogue.poll(until), Step::Write { .. }));
//! ```

pub mod at;
pub mod dialogue;
pub mod ftps;
