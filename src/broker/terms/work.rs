//! What a job moves, and what stands between the module and the job's server.

/// What a job moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// No file.
    Small,
    /// A file to the server; its bytes where known.
    Up(Option<u64>),
    /// A file or listing from the server; its bytes where known.
    Down(Option<u64>),
}

/// What the module must do before it can serve a job's server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nothing: the module is logged in there.
    There,
    /// Log out and log in: the module is logged in elsewhere.
    Switch,
    /// Log in: the module is logged in nowhere.
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
