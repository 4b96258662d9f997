//! Whether the module is ready for commands: every state, every change, and one table.

/// Whether the module is ready for commands.
///
/// The states are steps on one way: the port is opened, the module is brought up, and its answers are in step with
/// the commands. Only [`Readiness::Ready`] lets a command of the FTPS service be sent. A failure leads back as far
/// as it must, and only [`Readiness::after`] says how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// The port is not open.
    Closed {
        /// The module said that it is starting, and was not brought up since.
        starting: bool,
    },
    /// The port is open. The module may be in any state and has to be brought up.
    Unready {
        /// The module said that it is starting.
        starting: bool,
    },
    /// The module was brought up. The next answer may belong to an earlier command.
    OutOfStep,
    /// The module was brought up, and every answer since was whole: the next answer belongs to the next command.
    Ready,
}

/// What happened to the port, to the module or to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The owner opened the port.
    PortOpened,
    /// The owner lost the port.
    PortLost,
    /// The module said that it is starting.
    ModuleStarted,
    /// The module was told to restart, echoes again, or does not answer: it may have forgotten its settings.
    ModuleForgot,
    /// The bring-up succeeded.
    BroughtUp,
    /// A part of an answer is missing, or may come later.
    AnswerIncomplete,
    /// A question whose answer cannot be mistaken was answered.
    InStep,
}

impl Readiness {
    /// Takes note of a change.
    pub(super) const fn change(&mut self, change: Change) {
        *self = self.after(change);
    }

    /// The state after a change. A change that cannot happen in a state leaves it as it is.
    const fn after(self, change: Change) -> Self {
        let starting = self.is_starting();
        match (self, change) {
            (_, Change::PortOpened) => Self::Unready { starting },
            (_, Change::PortLost) => Self::Closed { starting },
            (Self::Closed { .. }, Change::ModuleStarted) => Self::Closed { starting: true },
            (_, Change::ModuleStarted) => Self::Unready { starting: true },
            (Self::Closed { .. }, _) => self,
            (_, Change::ModuleForgot) => Self::Unready { starting },
            (_, Change::BroughtUp) => Self::Ready,
            (Self::Unready { .. }, Change::AnswerIncomplete | Change::InStep) => self,
            (Self::OutOfStep | Self::Ready, Change::AnswerIncomplete) => Self::OutOfStep,
            (Self::OutOfStep | Self::Ready, Change::InStep) => Self::Ready,
        }
    }

    /// Whether the port is open.
    pub(super) const fn is_open(self) -> bool {
        !matches!(self, Self::Closed { .. })
    }

    /// Whether the module was brought up and has not been lost since.
    pub(super) const fn is_brought_up(self) -> bool {
        matches!(self, Self::OutOfStep | Self::Ready)
    }

    /// Whether the next answer belongs to the next command.
    pub(super) const fn is_in_step(self) -> bool {
        matches!(self, Self::Ready)
    }

    /// Whether the module said that it is starting, and was not brought up since.
    pub(super) const fn is_starting(self) -> bool {
        matches!(
            self,
            Self::Closed { starting: true } | Self::Unready { starting: true }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole table, with a row for each state and a column for each change.
    #[test]
    fn every_change_leads_from_every_state_to_the_one_of_the_table() {
        use Change::*;
        const SHUT: Readiness = Readiness::Closed { starting: false };
        const SHUT_STARTING: Readiness = Readiness::Closed { starting: true };
        const OPEN: Readiness = Readiness::Unready { starting: false };
        const OPEN_STARTING: Readiness = Readiness::Unready { starting: true };
        const LATE: Readiness = Readiness::OutOfStep;
        const READY: Readiness = Readiness::Ready;
        let changes = [
            PortOpened,
            PortLost,
            ModuleStarted,
            ModuleForgot,
            BroughtUp,
            AnswerIncomplete,
            InStep,
        ];
        let table = [
            (SHUT, [OPEN, SHUT, SHUT_STARTING, SHUT, SHUT, SHUT, SHUT]),
            (
                SHUT_STARTING,
                [
                    OPEN_STARTING,
                    SHUT_STARTING,
                    SHUT_STARTING,
                    SHUT_STARTING,
                    SHUT_STARTING,
                    SHUT_STARTING,
                    SHUT_STARTING,
                ],
            ),
            (OPEN, [OPEN, SHUT, OPEN_STARTING, OPEN, READY, OPEN, OPEN]),
            (
                OPEN_STARTING,
                [
                    OPEN_STARTING,
                    SHUT_STARTING,
                    OPEN_STARTING,
                    OPEN_STARTING,
                    READY,
                    OPEN_STARTING,
                    OPEN_STARTING,
                ],
            ),
            (LATE, [OPEN, SHUT, OPEN_STARTING, OPEN, READY, LATE, READY]),
            (READY, [OPEN, SHUT, OPEN_STARTING, OPEN, READY, LATE, READY]),
        ];
        for (from, row) in table {
            for (change, to) in changes.into_iter().zip(row) {
                assert_eq!(from.after(change), to, "{from:?} {change:?}");
            }
        }
    }
}
