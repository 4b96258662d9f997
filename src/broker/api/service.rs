//! Calls on the module's own FTPS service: start, stop, reset, data address mode, AT commands.

use crate::broker::Broker;
use crate::broker::terms::{Caller, Cause, Error, Priority};
use simcom_talk::dialogue::Rung;
use simcom_talk::dialogue::operation::{Answer, Output, Standing, Task};
use simcom_talk::ftps::question::Question;

impl Broker {
    /// Starts the FTPS service of the module.
    ///
    /// # Errors
    /// The admission and link causes of [`Broker`].
    pub async fn start_ftps(&self, caller: &Caller) -> Result<(), Error> {
        self.on_module(caller, "StartFtps", Standing::Started, Task::Stand)
            .await
            .map(drop)
    }

    /// Logs out and stops the FTPS service of the module. Virtual sessions stay open.
    ///
    /// # Errors
    /// The admission and link causes of [`Broker`].
    pub async fn stop_ftps(&self, caller: &Caller) -> Result<(), Error> {
        self.on_module(caller, "StopFtps", Standing::Down, Task::Stand)
            .await
            .map(drop)
    }

    /// Resets the module, and waits until it is back and brought up. Virtual sessions stay open.
    ///
    /// # Errors
    /// The admission and link causes of [`Broker`]; the module may have been reset all the same.
    pub async fn reset(&self, caller: &Caller) -> Result<(), Error> {
        let task = Task::Repair(Rung::Reset);
        self.on_module(caller, "Reset", Standing::Ready, task)
            .await?;
        self.shared.link.logged_out();
        Ok(())
    }

    /// Whether data connections go to the address of the control connection, as the module reports.
    ///
    /// # Errors
    /// The admission and link causes of [`Broker`].
    pub async fn single_ip(&self, caller: &Caller) -> Result<bool, Error> {
        let standing = Standing::Ready;
        match self
            .on_module(caller, "GetDataAddressMode", standing, Task::ReadSingleIp)
            .await?
        {
            Output::SingleIp(on) => Ok(on),
            _ => Err(Cause::WrongAnswer.into()),
        }
    }

    /// Sets whether data connections go to the address of the control connection. The next login
    /// sets it again by its server's configuration.
    ///
    /// # Errors
    /// The admission and link causes of [`Broker`].
    pub async fn set_single_ip(&self, caller: &Caller, on: bool) -> Result<(), Error> {
        let task = Task::SingleIp(on);
        self.on_module(caller, "SetDataAddressMode", Standing::Started, task)
            .await
            .map(drop)
    }

    /// The module's answers to the test form of each FTPS command, and to the read form of those
    /// that have one.
    ///
    /// # Errors
    /// The admission and link causes of [`Broker`]. A form that the module refuses is an answer,
    /// not an error.
    pub async fn command_forms(&self, caller: &Caller) -> Result<Vec<Answer>, Error> {
        self.ask(caller, "ListCommandForms", Question::forms())
            .await
    }

    /// Sends a caller's AT command to the module.
    ///
    /// # Errors
    /// [`Cause::AtCommandsNotAllowed`]; the admission and link causes of [`Broker`]. A refusal by
    /// the module is an answer, not an error.
    pub async fn at_command(&self, caller: &Caller, line: Question) -> Result<Answer, Error> {
        if !self.limits().at_commands {
            return Err(Cause::AtCommandsNotAllowed.into());
        }
        let answers = self.ask(caller, "SendAtCommand", vec![line]).await?;
        answers
            .into_iter()
            .next()
            .ok_or_else(|| Cause::WrongAnswer.into())
    }

    async fn ask(
        &self,
        caller: &Caller,
        method: &'static str,
        lines: Vec<Question>,
    ) -> Result<Vec<Answer>, Error> {
        let task = Task::Ask(lines);
        match self
            .on_module(caller, method, Standing::Ready, task)
            .await?
        {
            Output::Answers(answers) => Ok(answers),
            _ => Err(Cause::WrongAnswer.into()),
        }
    }

    /// Runs one job that concerns the module alone, and returns its only answer.
    pub(crate) async fn on_module(
        &self,
        caller: &Caller,
        method: &'static str,
        standing: Standing,
        task: Task,
    ) -> Result<Output, Error> {
        let operation = self.admit_at(caller, method, Priority::Interactive, None, None)?;
        self.run(operation, standing, task).await
    }
}
