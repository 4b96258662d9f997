//! What the modules of one family can do, as rows of data.

use serde::{Deserialize, Serialize};

/// A module family that can be emulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// SIM7500 and SIM7600 (Qualcomm MDM), the family of the command description.
    #[default]
    Sim7600,
    /// A7600, A7608, A7670, A7672 (ASR 1601, 1603, 1606, 1803).
    #[serde(alias = "a76xx")]
    #[value(alias = "a76xx")]
    A7670,
}

/// Everything that differs between families, except the choices in [`Knobs`](super::Knobs).
#[derive(Clone, Debug)]
pub struct Model {
    /// Which family this row describes.
    pub family: Family,
    /// Answer to `AT+CGMI`.
    pub manufacturer: &'static str,
    /// Answer to `AT+CGMM`.
    pub name: &'static str,
    /// Answer to `AT+CGMR`, without the `+CGMR: ` prefix.
    pub revision: &'static str,
    /// Answer to `AT+CSUB`, without its prefix.
    pub sub_version: &'static str,
    /// Answer to `AT+CGSN`; a test number (TAC 001017).
    pub imei: &'static str,
    /// Longest remote path, in bytes as decoded.
    pub path_limit: usize,
    /// Longest host, user name and password, in bytes.
    pub credential_limit: usize,
    /// Largest payload of one `DATA` frame, in bytes.
    pub chunk: usize,
    /// The FTPS commands of this family, and the line that their test form prints (empty: only
    /// `OK`).
    pub ftps: &'static [(&'static str, &'static str)],
    /// Commands that send their result before `OK` in the vendor's own logs.
    pub result_first: &'static [&'static str],
    /// Commands whose failure comes as `+X: code`, `ERROR`.
    pub code_then_error: &'static [&'static str],
    /// Commands whose failure comes as `ERROR`, `+X: code`.
    pub error_then_code: &'static [&'static str],
    /// Whether `AT+CFTPSLOGIN?` tells if there is a login.
    pub login_is_readable: bool,
    /// Whether `AT+CFTPSCWD` without a directory prints the current one.
    pub bare_cwd_prints: bool,
    /// Whether `AT+CFTPSGET` takes `<using_cache>`.
    pub get_takes_cache: bool,
    /// The directory that each `<dir>` of GETFILE means, from 1 on.
    pub getfile_roots: &'static [&'static str],
    /// The directory that each `<dir>` of PUTFILE means, from 1 on.
    pub putfile_roots: &'static [&'static str],
    /// The drives and their sizes in bytes.
    pub drives: &'static [(char, u64)],
    /// Longest name of a module file, in bytes.
    pub file_name_limit: usize,
    /// The lines that a boot prints when the AT port comes up, then those that follow once the SIM
    /// was read.
    pub banner: (&'static [&'static str], &'static [&'static str]),
    /// The line that reports the loss of the network, where the family has one.
    pub disconnect_notice: Option<&'static str>,
    /// Whether the commands for module files take `{non-ascii}"<hex>"`; CFTRANRX always does.
    pub non_ascii_files: bool,
    /// Whether FSATTRI prints the date behind the size.
    pub attributes_dated: bool,
    /// The key for the password of the private key in `AT+CSSLCFG`.
    pub key_password: &'static str,
}

impl Model {
    /// The row of `family`.
    #[must_use]
    pub const fn of(family: Family) -> Self {
        match family {
            Family::Sim7600 => SIM7600,
            Family::A7670 => A7670,
        }
    }

    /// The test-form line of an FTPS command, or `None` if this family lacks the command.
    #[must_use]
    pub fn ftps_test(&self, name: &str) -> Option<&'static str> {
        self.ftps
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, line)| *line)
    }
}

/// SIMCom manual L1201 to L1219; limits: L1203, L1205; drives: L1212, L1213; orders:
/// SIM7500/SIM7600 FTP(S) application note V3.00 §5.1 and §5.2.
const SIM7600: Model = Model {
    family: Family::Sim7600,
    manufacturer: "SIMCOM INCORPORATED",
    name: "SIMCOM_SIM7600E",
    revision: "LE20B04SIM7600M22",
    sub_version: "B04V02",
    imei: "001017001234567",
    path_limit: 256,
    credential_limit: 256,
    chunk: 1480,
    ftps: &[
        ("+CFTPSSTART", ""),
        ("+CFTPSSTOP", ""),
        (
            "+CFTPSLOGIN",
            "+CFTPSLOGIN: \"ADDRESS\",(1-65535)[,\"USERNAME\",\"PASSWORD\"[,(0-3)]]",
        ),
        ("+CFTPSLOGOUT", ""),
        ("+CFTPSMKD", "+CFTPSMKD: \"DIR\""),
        ("+CFTPSRMD", "+CFTPSRMD: \"DIR\""),
        ("+CFTPSDELE", "+CFTPSDELE: \"FILENAME\""),
        ("+CFTPSCWD", "+CFTPSCWD: \"DIR\""),
        ("+CFTPSPWD", ""),
        ("+CFTPSTYPE", "+CFTPSTYPE: (A,I)"),
        ("+CFTPSLIST", ""),
        (
            "+CFTPSGETFILE",
            "+CFTPSGETFILE: [{non-ascii}]\"FILEPATH\"[,(1-4)]",
        ),
        (
            "+CFTPSPUTFILE",
            "+CFTPSPUTFILE: [{non-ascii}]\"FILEPATH\"[,(1-3),(0-2147483647)]",
        ),
        (
            "+CFTPSGET",
            "+CFTPSGET: [{non-ascii}]\"FILEPATH\"[,<rest_size>[(0,1)]]",
        ),
        (
            "+CFTPSPUT",
            "+CFTPSPUT: [{non-ascii}]\"FILEPATH\"[,<data_len>[,<rest_size>]]",
        ),
        ("+CFTPSSINGLEIP", "+CFTPSSINGLEIP: (0,1)"),
        ("+CFTPSCACHERD", ""),
        ("+CFTPSABORT", ""),
        ("+CFTPSSIZE", "+CFTPSSIZE: \"<filepath>\""),
    ],
    result_first: &["+CFTPSPWD", "+CFTPSLOGOUT", "+CFTPSSTOP"],
    code_then_error: &["+CFTPSPUT"],
    error_then_code: &[],
    login_is_readable: false,
    bare_cwd_prints: false,
    get_takes_cache: true,
    getfile_roots: &["F:/", "D:/", "E:/", "/mssl_cert/"],
    putfile_roots: &["F:/", "D:/", "E:/"],
    drives: &[
        ('C', 12 << 20),
        ('D', 64 << 20),
        ('E', 64 << 20),
        ('F', 64 << 20),
    ],
    file_name_limit: 254,
    banner: (&["RDY", "+CPIN: READY"], &["SMS DONE", "PB DONE"]),
    disconnect_notice: None,
    non_ascii_files: true,
    attributes_dated: true,
    key_password: "keypwd",
};

/// A76XX manual V1.09 §17 and A76XX FTP(S) application note V1.02; boot lines as A7670 boards print
/// them.
const A7670: Model = Model {
    family: Family::A7670,
    manufacturer: "INCORPORATED",
    name: "A7670E-FASE",
    revision: "A7670M7_V1.11.1",
    sub_version: "A131B02A7670M7",
    imei: "001017007654321",
    path_limit: 112,
    credential_limit: 128,
    chunk: 1024,
    ftps: &[
        ("+CFTPSSTART", ""),
        ("+CFTPSSTOP", ""),
        (
            "+CFTPSLOGIN",
            "+CFTPSLOGIN: \"ADDRESS\",(1-65535)[,\"USERNAME\",\"PASSWORD\"[,(0-3)]]",
        ),
        ("+CFTPSLOGOUT", ""),
        ("+CFTPSMKD", "+CFTPSMKD: \"DIR\""),
        ("+CFTPSRMD", "+CFTPSRMD: \"DIR\""),
        ("+CFTPSDELE", "+CFTPSDELE: \"FILENAME\""),
        ("+CFTPSCWD", "+CFTPSCWD: \"DIR\""),
        ("+CFTPSPWD", "+CFTPSPWD:"),
        ("+CFTPSTYPE", "+CFTPSTYPE: (A,I)"),
        ("+CFTPSLIST", ""),
        ("+CFTPSGETFILE", "+CFTPSGETFILE: \"FILEPATH\"[,(1-2)]"),
        (
            "+CFTPSPUTFILE",
            "+CFTPSPUTFILE: \"FILEPATH\"[,(1-2)[,<rest_size>]]",
        ),
        ("+CFTPSGET", "+CFTPSGET: \"FILEPATH\"[,<rest_size>]"),
        (
            "+CFTPSPUT",
            "+CFTPSPUT: \"FILEPATH\"[,<data_len>[,<rest_size>]]",
        ),
        ("+CFTPSSINGLEIP", "+CFTPSSINGLEIP: (0,1)"),
        ("+CFTPSSIZE", "+CFTPSSIZE: \"FILEPATH\""),
        ("+CFTPSSLCFG", "+CFTPSSLCFG: (0,1),(0-9)"),
        ("+CFTPSMODE", "+CFTPSMODE: (0,1)"),
    ],
    result_first: &[],
    code_then_error: &["+CFTPSSIZE"],
    error_then_code: &["+CFTPSPUT"],
    login_is_readable: true,
    bare_cwd_prints: true,
    get_takes_cache: false,
    getfile_roots: &["C:/", "D:/"],
    putfile_roots: &["C:/", "D:/"],
    drives: &[('C', 6 << 20), ('D', 64 << 20)],
    file_name_limit: 115,
    banner: (
        &["*ATREADY: 1", "+CPIN: READY", "+CGEV: EPS PDN ACT 1"],
        &["SMS DONE", "PB DONE"],
    ),
    disconnect_notice: Some("+CFTPSNOTIFY: FTPS DISCONNECT"),
    // A76XX AT manual V1.09 §12 and §13.
    non_ascii_files: false,
    attributes_dated: false,
    key_password: "password",
};
