//! The module's own service: started, stopped, and where its data connections go.

use crate::broker::Broker;
use crate::broker::terms::Caller;
use crate::broker::terms::Priority;
use crate::broker::terms::{Cause, Error};
use simcom_talk::dialogue::Rung;
use simcom_talk::dialogue::operation::{Answer, Output, Standing, Task};
use simcom_talk::ftps::question::Question;

impl Broker {
    /// Starts the FTPS service of the module.
    ///
    /// # Errors
    /// Why it is not started.
    pub async fn start_ftps(&self, caller: &Caller) -> Result<(), Error> {
        self.on_module(caller, "StartFtps", Standing::Started, Task::Stand)
            .await
            .map(drop)
    }

    /// Logs out and stops the FTPS service of the module. Virtual sessions live on.
    ///
    /// # Errors
    /// Why it is not stopped.
    pub async fn stop_ftps(&self, caller: &Caller) -> Result<(), Error> {
        self.on_module(caller, "StopFtps", Standing::Down, Task::Stand)
            .await
            .map(drop)
    }

    /// Resets the module, and waits until it is back and brought up. Virtual sessions live on.
    ///
    /// # Errors
    /// Why it is not reset, or not back.
    pub async fn reset(&self, caller: &Caller) -> Result<(), Error> {
        let task = Task::Repair(Rung::Reset);
        self.on_module(caller, "Reset", Standing::Ready, task)
            .await?;
        self.shared.link.logged_out();
        Ok(())
    }

    /// Whether data connections go to the address of the control connection, as the module
    /// says.
    ///
    /// # Errors
    /// Why it is not known.
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

    /// Sets whether data connections go to the address of the control connection, until the next
    /// login sets it as its server has it.
    ///
    /// # Errors
    /// Why it is not set.
    pub async fn set_single_ip(&self, caller: &Caller, on: bool) -> Result<(), Error> {
        let task = Task::SingleIp(on);
        self.on_module(caller, "SetDataAddressMode", Standing::Started, task)
            .await
            .map(drop)
    }

    /// What the module says of its FTPS commands: the test form of each, and the read form of
    /// those that have one.
    ///
    /// # Errors
    /// Why it is not known. A refusal of one form is an answer.
    pub async fn command_forms(&self, caller: &Caller) -> Result<Vec<Answer>, Error> {
        self.ask(caller, "ListCommandForms", Question::forms())
            .await
    }

    /// Passes a line on to the module.
    ///
    /// # Errors
    /// [`Cause::AtCommandsNotAllowed`], or why there is no answer. A refusal is an answer.
    pub async fn at_command(&self, caller: &Caller, line: Question) -> Result<Answer, Error> {
        if !self.shared.limits.at_commands {
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

    /// One job about the module alone that answers once.
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
