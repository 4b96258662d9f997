//! What came of a command line.

use super::names::Names;
use super::response::{Outcome, Response};
use super::under_way::{Exchange, Handover, Information};
use crate::at::FinalCode;
use crate::dialogue::failure::{Awaited, Cause};
use crate::ftps::{Body, CommandName, ErrCode, ResponseForm, Urc};

impl Exchange {
    /// The response, once every part that can come has come.
    pub(crate) fn response(&self) -> Option<Response> {
        let complete = match (self.form, &self.final_code) {
            _ if self.is_open() => false,
            (_, Some(_))
                if self
                    .names
                    .as_ref()
                    .is_some_and(|names| !names.is_complete()) =>
            {
                false
            }
            (ResponseForm::Final | ResponseForm::CacheRead | ResponseForm::Literal, code) => {
                code.is_some()
            }
            (ResponseForm::Cached, Some(FinalCode::Ok)) => self.announced || self.report.is_some(),
            (_, code) => code.is_some() && self.report.is_some(),
        };
        (complete && self.block.is_none_or(|block| !block.ours)).then(|| self.conclude(None))
    }

    /// How much content of another command is still to come when this one has its response.
    pub(crate) fn leftover(&self) -> u64 {
        self.block.map_or(0, |block| block.left)
    }

    /// The response now that the deadline has passed.
    pub(crate) fn expire(&self) -> Response {
        let awaited = match (&self.final_code, &self.report) {
            _ if self.block.is_some() => Awaited::Block,
            (None, None) if self.handover == Handover::Awaited => Awaited::Prompt,
            (None, _) => Awaited::FinalCode,
            (Some(FinalCode::Ok), None) if self.content > 0 => Awaited::Data,
            (Some(_), _) => Awaited::Result,
        };
        self.conclude(Some(awaited))
    }

    /// The response where something else broke the exchange off.
    pub(crate) fn broken(&self, cause: Cause) -> Response {
        self.respond(Outcome::Failed(cause), false)
    }

    fn conclude(&self, missing: Option<Awaited>) -> Response {
        let refused = matches!(self.final_code, Some(FinalCode::Error(_)));
        let outcome = match (&self.final_code, &self.report) {
            (_, Some(Body::Number(number))) if *number > 0 && self.is_code(refused) => {
                let code = u16::try_from(*number).unwrap_or(u16::MAX);
                Outcome::Failed(Cause::Reported(ErrCode::new(code)))
            }
            (Some(FinalCode::Error(code)), _) => Outcome::Failed(Cause::Refused(code.clone())),
            (_, Some(Body::Other(text))) if self.form != ResponseForm::Final => {
                Outcome::Failed(Cause::OutOfOrder(text.clone()))
            }
            (_, Some(body)) => Outcome::Done(Some(body.clone())),
            (Some(FinalCode::Ok), None)
                if self.announced
                    || matches!(
                        self.form,
                        ResponseForm::Final | ResponseForm::CacheRead | ResponseForm::Literal
                    ) =>
            {
                Outcome::Done(None)
            }
            _ => Outcome::Failed(Cause::Timeout(missing.unwrap_or(Awaited::Result))),
        };
        // `ERROR` alone is a whole answer: no report followed it.
        let alone = refused && self.report.is_none() && self.block.is_none();
        self.respond(outcome, missing.is_none() || alone)
    }

    /// Whether a number in the report is an error code. A size has the same form. It is known to be
    /// no size only where `ERROR` came with it (SIMCom manual L1219). The length of the cache (L1217)
    /// and the mode that SINGLEIP may repeat (A76XX AT manual V1.09 §17) have the same form too.
    fn is_code(&self, refused: bool) -> bool {
        let value = [
            CommandName::Size,
            CommandName::CacheRead,
            CommandName::SingleIp,
        ]
        .map(Information::Report);
        refused || !value.contains(&self.information)
    }

    /// Lines of a listing that turned out to be no names.
    pub(crate) fn unsolicited(&self, response: &Response) -> Vec<String> {
        let mut unsolicited = self
            .names
            .as_ref()
            .map(Names::unsolicited)
            .unwrap_or_default();
        if response.is_done() {
            // A module that restarts does not go on with a listing.
            unsolicited.retain(|text| Urc::parse(text) != Urc::Boot);
        }
        unsolicited
    }

    fn respond(&self, outcome: Outcome, clean: bool) -> Response {
        // A line that was taken for a name may have been another line, and the end may have been a
        // name: the next answer must surely belong to the next command.
        let (info, doubted) = match &self.names {
            Some(names) => names.names(),
            None => (self.info.clone(), false),
        };
        Response {
            name: self.name,
            outcome,
            clean: clean && !self.hasty && !doubted,
            info,
            prompted: matches!(self.handover, Handover::Open | Handover::Closed),
            echoed: self.echoed,
        }
    }
}
