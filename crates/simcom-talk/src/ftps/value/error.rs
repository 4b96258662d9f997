//! What is wrong with a value.

/// Why a value was refused, in words for the person who gave it.
///
/// The value itself is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// It is empty, and must not be.
    #[error("is empty")]
    Empty,
    /// It holds a control character, which would end or break the command line.
    #[error("holds the control character 0x{0:02X}")]
    Control(u32),
    /// It holds a quotation mark, which has no escape on the wire.
    #[error("holds a quotation mark, and the module has no escape for it")]
    Quote,
    /// It holds a character outside printable ASCII, and the module takes no other.
    #[error("holds a character outside printable ASCII")]
    NotAscii,
    /// It has more bytes than the module takes.
    #[error("is {len} bytes long, the limit is {max}")]
    TooLong {
        /// Bytes found.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// It does not begin with a drive of the module.
    #[error("does not begin with a drive of the module (C:, D:, E: or F:)")]
    NoDrive,
    /// It is on a drive that the command does not reach on this family of modules.
    #[error("is on a drive that this module has no number for")]
    UnknownDrive,
    /// It is a name that the module's file system does not take.
    #[error("is no name for a file on the module")]
    NotAFileName,
    /// It is a name that reads like a line of the module itself.
    #[error(
        "reads like a line that the module itself says, so that no listing with it could be told from \
         an answer; choose another name"
    )]
    SaidByTheModule,
    /// It holds a backslash before two hexadecimal digits.
    #[error(
        "holds a backslash before two hexadecimal digits, which a module may read as one character \
         (V.250 §5.4.2.2)"
    )]
    Escape,
    /// It holds a character that stands for unreadable bytes.
    #[error(
        "holds U+FFFD, which stands for bytes that are not UTF-8 and names no file; give the name's own bytes \
         in the field of the same name behind `raw_`, as `raw_name` of a listing has them"
    )]
    Replaced,
    /// It holds a character that the server's names cannot have.
    #[error(
        "holds {character:?}, and the names of this server are in {code}, which does not have it"
    )]
    NotInCode {
        /// The first such character.
        character: char,
        /// The name of the code.
        code: &'static str,
    },
    /// It is a command line that callers may not send.
    #[error("is not passed on: {0}")]
    NotPassedOn(&'static str),
    /// It is a number outside its range.
    #[error("is {value}, the range is {min} to {max}")]
    OutOfRange {
        /// The number found.
        value: i64,
        /// Smallest number allowed.
        min: i64,
        /// Largest number allowed.
        max: i64,
    },
}
