//! What is wrong with a value.

/// Why a value was refused, in words for the person who sent it.
///
/// The value itself is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing where something is needed.
    #[error("is empty")]
    Empty,
    /// A control character, which would end or break the command line.
    #[error("holds the control character 0x{0:02X}")]
    Control(u32),
    /// A quotation mark, which nothing escapes on the wire.
    #[error("holds a quotation mark, which the module has no escape for")]
    Quote,
    /// A character outside printable ASCII where the module takes nothing else.
    #[error("holds a character outside printable ASCII")]
    NotAscii,
    /// More bytes than the module takes.
    #[error("is {len} bytes long, the limit is {max}")]
    TooLong {
        /// Bytes found.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// No drive of the module at the beginning.
    #[error("does not begin with a drive of the module (C:, D:, E: or F:)")]
    NoDrive,
    /// A drive that the command does not reach on this family of modules.
    #[error("is on a drive that this module has no number for")]
    UnknownDrive,
    /// A name that the module's file system does not take.
    #[error("is no name for a file on the module")]
    NotAFileName,
    /// A name that reads like a line of the module itself.
    #[error(
        "reads like a line that the module itself says, so that no listing with it could be told from \
         an answer; choose another name"
    )]
    SaidByTheModule,
    /// A backslash before two hexadecimal digits.
    #[error(
        "holds a backslash before two hexadecimal digits, which a module may read as one character \
         (V.250 §5.4.2.2)"
    )]
    Escape,
    /// A character that stands for something that could not be read.
    #[error(
        "holds U+FFFD, which stands for bytes that are not UTF-8 and names no file; give the name's own bytes \
         in the field of the same name behind `raw_`, as `raw_name` of a listing has them"
    )]
    Replaced,
    /// A character that the server's names cannot have.
    #[error(
        "holds {character:?}, and the names of this server are in {code}, which does not have it"
    )]
    NotInCode {
        /// The first such character.
        character: char,
        /// The name of the code.
        code: &'static str,
    },
    /// A command line that is not for callers.
    #[error("is not passed on: {0}")]
    NotPassedOn(&'static str),
    /// A number outside its range.
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
