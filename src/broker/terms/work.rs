//! What a job has to move, and how far the module is from its server.

/// What a job moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// No file.
    Small,
    /// A file to the server, of so many bytes where that is known.
    Up(Option<u64>),
    /// A file or listing from the server, of so many bytes where that is known.
    Down(Option<u64>),
}

/// What lies between the module and a job's server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is logged in there.
    There,
    /// It is logged in elsewhere.
    Switch,
    /// It is logged in nowhere.
    Login,
}

impl Way {
    /// The way to `to`.
    pub(crate) fn between<T: PartialEq + ?Sized>(at: Option<&T>, to: &T) -> Self {
        match at {
            Some(at) if at == to => Self::There,
            Some(_) => Self::Switch,
            None => Self::Login,
        }
    }
}
