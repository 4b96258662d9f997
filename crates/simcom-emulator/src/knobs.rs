//! Choices of a real module's firmware that no document settles.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How one emulated module behaves where documents say nothing or firmwares differ.
///
/// The defaults follow the vendor's printed logs; see each field. Command names in lists and maps
/// are written as on the wire without `AT`, for example `+CFTPSPWD`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Echo of typed bytes at power-up. On: V.250 §6.2.4 recommends `E1`, and logs show it.
    pub echo: bool,
    /// Echo of the data typed after a prompt, while echo is on. Off: no log shows it.
    pub echo_data: bool,
    /// `AT+CMEE` at power-up: 0 `ERROR`, 1 numbers, 2 text (the manual prints 2 as default).
    pub cmee: u8,
    /// Whether result lines have a blank after the colon. The SIM7600 application note omits it
    /// in `+CFTPSSIZE:1261568`.
    pub space_after_colon: bool,
    /// Whether `OK` or the result comes first.
    pub ok_order: OkOrder,
    /// The same for single commands.
    pub ok_order_of: BTreeMap<String, OkOrder>,
    /// How a failure that the network caused is reported.
    pub failure_form: FailureForm,
    /// The same for single commands. Firmwares differ most in `+CFTPSSIZE`.
    pub failure_form_of: BTreeMap<String, FailureForm>,
    /// The bytes of the data prompt.
    pub prompt: Prompt,
    /// Largest `DATA` frame in bytes; 0 takes the family's own (1480 or 1024).
    pub chunk: usize,
    /// Whether frame sizes vary below that, like those of a module that reports what the network has just
    /// delivered.
    pub chunk_random: bool,
    /// Whether a CR LF follows the payload of a frame. Off: field parsers count without it.
    pub trailing_crlf: bool,
    /// Whether `DATA,0` precedes the result of a push download, as `AT+CFTPGET` does.
    pub empty_last_frame: bool,
    /// `+CFTPSGET: 0` of a cached download comes when the network side is complete (true) or when
    /// the cache has been read out (false).
    pub cache_complete_early: bool,
    /// Bytes the download cache holds. 102,400 is the largest figure the manual prints (L1214).
    pub cache_limit: usize,
    /// What happens when the cache is full.
    pub cache_full: CacheFull,
    /// The answer to STOP while logged in. The A76XX manual (§17.2.4) says `ERROR`; a field log shows success.
    pub stop_while_logged_in: Reaction,
    /// The answer to START when already started. It is undocumented; libraries expect a refusal.
    pub start_when_started: Reaction,
    /// The answer to LOGIN when already logged in. It is undocumented; libraries log out first.
    pub login_when_logged_in: Reaction,
    /// The answer to file commands without a login. Owners of SIM7600 boards saw a bare `ERROR`.
    pub not_logged_in: Reaction,
    /// The answer to an FTPS command while another one is running.
    pub busy: Reaction,
    /// Whether ABORT lets the interrupted command print its own result (code 2) first.
    pub abort_emits_terminal: bool,
    /// What becomes of a command line typed while a download is pushed to the same port. No document says
    /// whether ABORT is heard then, but it would have no purpose otherwise.
    pub typed_while_pushing: Hearing,
    /// Whether bytes that arrive between `AT+CFTPSPUT` and the prompt are kept as data (true) or lost (false).
    /// Lost: this shows a host that does not wait.
    pub keep_early_data: bool,
    /// Whether a failure in the middle of an upload ends its prompt at once, so that what the host goes on
    /// typing is read as command lines. By the manual, it is reported after the mark (L1215 (c)).
    pub failure_ends_prompt: bool,
    /// From the end of a command line to its first answer byte.
    #[serde(with = "humantime_serde")]
    pub command_latency: Duration,
    /// From the network's answer to the result line.
    #[serde(with = "humantime_serde")]
    pub result_latency: Duration,
    /// From power-up to the first line. Before it, the UART is deaf. About 10 s on SIM7600 boards.
    #[serde(with = "humantime_serde")]
    pub boot_time: Duration,
    /// Whether the module is powered up with the emulator and still has to boot.
    pub cold_start: bool,
    /// Whether a reset makes the port vanish, as a USB port does; a UART stays.
    pub reset_hangs_up: bool,
    /// Bits per second of the line, 10 bits a byte; 0 does not pace, as on USB.
    pub baud: u32,
    /// Commands answered with `ERROR`, as firmware that lacks them does.
    pub refuse: Vec<String>,
    /// Commands whose `OK` is never sent.
    pub ok_never: Vec<String>,
    /// Commands whose result line is never sent.
    pub result_never: Vec<String>,
    /// What the SIM says to `AT+CPIN?`.
    pub sim: Sim,
    /// How long the SIM is read after the module has started, and after `AT+CFUN=0` was left. Until then it is
    /// busy (14).
    #[serde(with = "humantime_serde")]
    pub sim_time: Duration,
    /// `AT+CFUN` at power-up: 1, or 0 or 4 where the radio was left off.
    pub functionality: u8,
    /// `<stat>` of `+CREG` and the like: 1 home, 5 roaming, 2 searching, 3 denied.
    pub registration: u8,
    /// How long the module searches for a network after it has started, and after the radio was
    /// switched on (`AT+CFUN=1`).
    #[serde(with = "humantime_serde")]
    pub registration_time: Duration,
    /// `<rssi>` of `+CSQ`, 0 to 31, 99 unknown.
    pub rssi: u8,
    /// Whether data connections resume the TLS session of the control connection. Owners of A7670E modules
    /// report what happens when they do not and the server insists on it.
    pub tls_session_reuse: bool,
    /// Whether `sslversion` 4 ("all") includes TLS 1.3. Off: the manuals' list ends at TLS 1.2.
    pub tls13: bool,
    /// Whether FSLS prints names outside ASCII as `{non-ascii}"<hex>"`, or as they are. No document shows one.
    /// On, because PWD prints them like this (L1209).
    pub names_in_hex: bool,
    /// Letters of the drives that can be entered but whose FSMEM is answered with `ERROR`, as owners report of
    /// a slot without a card.
    pub memory_refused: String,
    /// Bytes that the module sends by itself every [`Knobs::chatter_every`], including line ends: unsolicited
    /// lines that the host cannot switch off, or the sentences of a satellite receiver, which many boards let
    /// out of the AT port. Empty: none.
    pub chatter: String,
    /// How often. Zero means never.
    #[serde(with = "humantime_serde")]
    pub chatter_every: Duration,
    /// The command that ends the chatter. It ends it with the value 0, as `+CGNSSTST` does for satellite
    /// sentences (SIM7500/SIM7600 AT manual V3.00), or with the second value 0, which moves sentences to a
    /// port of their own, as `+CGNSSPORTSWITCH` does. Empty: no command does.
    pub chatter_switch: String,
    /// Whether a backslash and two hexadecimal digits in a string are one character, as in V.250 §5.4.2.2.
    /// Off: no manual of the vendor mentions it.
    pub decode_escapes: bool,
    /// One byte in this many to or from the host is lost; 0 none.
    pub lose_one_in: u32,
    /// One byte in this many to or from the host comes twice; 0 none.
    pub duplicate_one_in: u32,
    /// Seed of everything random in the module.
    pub seed: u64,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            echo: true,
            echo_data: false,
            cmee: 2,
            space_after_colon: true,
            ok_order: OkOrder::Documented,
            ok_order_of: BTreeMap::new(),
            failure_form: FailureForm::Documented,
            failure_form_of: BTreeMap::new(),
            prompt: Prompt::Sign,
            chunk: 0,
            chunk_random: false,
            trailing_crlf: false,
            empty_last_frame: false,
            cache_complete_early: true,
            cache_limit: 102_400,
            cache_full: CacheFull::Stall,
            stop_while_logged_in: Reaction::Error,
            start_when_started: Reaction::Error,
            login_when_logged_in: Reaction::Error,
            not_logged_in: Reaction::Error,
            busy: Reaction::Code(3),
            abort_emits_terminal: false,
            typed_while_pushing: Hearing::Heard,
            keep_early_data: false,
            failure_ends_prompt: false,
            command_latency: Duration::ZERO,
            result_latency: Duration::ZERO,
            boot_time: Duration::from_secs(10),
            cold_start: false,
            reset_hangs_up: true,
            baud: 0,
            refuse: Vec::new(),
            ok_never: Vec::new(),
            result_never: Vec::new(),
            sim: Sim::Ready,
            sim_time: Duration::ZERO,
            functionality: 1,
            registration: 1,
            registration_time: Duration::ZERO,
            rssi: 23,
            tls_session_reuse: true,
            names_in_hex: true,
            tls13: false,
            decode_escapes: false,
            memory_refused: String::new(),
            chatter: String::new(),
            chatter_every: Duration::ZERO,
            chatter_switch: String::new(),
            lose_one_in: 0,
            duplicate_one_in: 0,
            seed: 1,
        }
    }
}

/// Which of `OK` and the result line comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum OkOrder {
    /// As the vendor's own logs show it for this family and command.
    #[default]
    Documented,
    /// `OK`, later the result.
    OkFirst,
    /// The result, then `OK`.
    ResultFirst,
}

/// How the failure of an accepted command is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum FailureForm {
    /// As documented for this family and command.
    #[default]
    Documented,
    /// `OK`, `+X: code` (or the other way round where the order knob says so).
    OkCode,
    /// `+X: code`, `ERROR`.
    CodeError,
    /// `ERROR`, `+X: code`.
    ErrorCode,
    /// A bare `ERROR`.
    Error,
}

/// The prompt that asks for data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Prompt {
    /// CR LF `>`, which field parsers wait for.
    #[default]
    Sign,
    /// CR LF `>` blank: as the A76XX FTP(S) application note prints it.
    SignBlank,
    /// `>` CR LF: on a line of its own, as the A76XX manual prints it.
    SignLine,
}

impl Prompt {
    /// The bytes on the wire.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Sign => b"\r\n>",
            Self::SignBlank => b"\r\n> ",
            Self::SignLine => b">\r\n",
        }
    }
}

/// What a full download cache does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum CacheFull {
    /// The server waits until the host has read.
    #[default]
    Stall,
    /// The download fails with code 6.
    Fail,
}

/// What becomes of a command line that is typed while content goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Hearing {
    /// It is carried out at once.
    #[default]
    Heard,
    /// It is carried out when the content is over.
    Kept,
    /// It is lost.
    Lost,
}

/// The state of the SIM card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Sim {
    /// Unlocked.
    #[default]
    Ready,
    /// None in the holder.
    Absent,
    /// It does not serve, or there is none: SIMCom modules say the same about both.
    Failed,
    /// Waits for its PIN, which is 1234.
    Pin,
    /// Waits for its PUK.
    Puk,
}

/// How the module answers a command in a state that does not suit it: `error`, `ok`, or a result code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reaction {
    /// A bare `ERROR`.
    Error,
    /// It is carried out, or the module pretends so.
    Ok,
    /// It fails with this result code.
    Code(u16),
}

impl FromStr for Reaction {
    type Err = ReactionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "error" => Ok(Self::Error),
            "ok" => Ok(Self::Ok),
            number => number.parse().map(Self::Code).map_err(|_| ReactionError {
                text: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for Reaction {
    type Error = ReactionError;

    fn try_from(text: String) -> Result<Self, ReactionError> {
        text.parse()
    }
}

impl From<Reaction> for String {
    fn from(reaction: Reaction) -> Self {
        reaction.to_string()
    }
}

impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("error"),
            Self::Ok => f.write_str("ok"),
            Self::Code(code) => write!(f, "{code}"),
        }
    }
}

/// The text is none of `error`, `ok` and a number.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is neither `error`, `ok` nor a result code")]
pub struct ReactionError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_survives_toml() {
        let text = toml::to_string(&Knobs::default()).unwrap();
        assert_eq!(toml::from_str::<Knobs>(&text).unwrap(), Knobs::default());
    }

    #[test]
    fn a_misspelt_knob_is_an_error() {
        assert!(toml::from_str::<Knobs>("ecko = false").is_err());
    }

    #[test]
    fn verdicts_are_words_or_codes() {
        let knobs: Knobs = toml::from_str("busy = \"error\"\nstart_when_started = \"11\"").unwrap();
        assert_eq!(
            (knobs.busy, knobs.start_when_started),
            (Reaction::Error, Reaction::Code(11))
        );
        assert!("often".parse::<Reaction>().is_err());
    }
}
