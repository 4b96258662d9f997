//! What a line came to.

use super::names::Names;
use super::settlement::{Settlement, Verdict};
use super::under_way::{Claim, Exchange, Handover};
use crate::at::FinalCode;
use crate::dialogue::failure::{Awaited, Cause};
use crate::ftps::{Body, ErrCode, Shape, Urc, Verb};

impl Exchange {
    /// The outcome, once every part that can come has come.
    pub(crate) fn settled(&self) -> Option<Settlement> {
        let complete = match (self.shape, &self.final_code) {
            _ if self.is_open() => false,
            (_, Some(_))
                if self
                    .names
                    .as_ref()
                    .is_some_and(|names| !names.is_complete()) =>
            {
                false
            }
            (Shape::Final | Shape::CacheRead | Shape::Literal, code) => code.is_some(),
            (Shape::Cached, Some(FinalCode::Ok)) => self.announced || self.report.is_some(),
            (_, code) => code.is_some() && self.report.is_some(),
        };
        (complete && self.block.is_none_or(|block| !block.ours)).then(|| self.settle(None))
    }

    /// Content of another command that is still to come once this one is settled.
    pub(crate) fn leftover(&self) -> u64 {
        self.block.map_or(0, |block| block.left)
    }

    /// The outcome now that the deadline has passed.
    pub(crate) fn expire(&self) -> Settlement {
        let awaited = match (&self.final_code, &self.report) {
            _ if self.block.is_some() => Awaited::Block,
            (None, None) if self.handover == Handover::Awaited => Awaited::Prompt,
            (None, _) => Awaited::FinalCode,
            (Some(FinalCode::Ok), None) if self.content > 0 => Awaited::Data,
            (Some(_), _) => Awaited::Result,
        };
        self.settle(Some(awaited))
    }

    /// The outcome where something else broke the exchange off.
    pub(crate) fn broken(&self, cause: Cause) -> Settlement {
        self.settlement(Verdict::Failed(cause), false)
    }

    fn settle(&self, missing: Option<Awaited>) -> Settlement {
        let refused = matches!(self.final_code, Some(FinalCode::Error(_)));
        let verdict = match (&self.final_code, &self.report) {
            (_, Some(Body::Number(number))) if *number > 0 && self.is_code(refused) => {
                let code = u16::try_from(*number).unwrap_or(u16::MAX);
                Verdict::Failed(Cause::Reported(ErrCode::new(code)))
            }
            (Some(FinalCode::Error(code)), _) => Verdict::Failed(Cause::Refused(code.clone())),
            (_, Some(Body::Other(text))) if self.shape != Shape::Final => {
                Verdict::Failed(Cause::OutOfOrder(text.clone()))
            }
            (_, Some(body)) => Verdict::Done(Some(body.clone())),
            (Some(FinalCode::Ok), None)
                if self.announced
                    || matches!(self.shape, Shape::Final | Shape::CacheRead | Shape::Literal) =>
            {
                Verdict::Done(None)
            }
            _ => Verdict::Failed(Cause::Timeout(missing.unwrap_or(Awaited::Result))),
        };
        // `ERROR` alone is a whole answer: the report that may follow did not.
        let alone = refused && self.report.is_none() && self.block.is_none();
        self.settlement(verdict, missing.is_none() || alone)
    }

    /// Whether a number in the report is an error code. A size has the same shape: it is only
    /// known to be none where `ERROR` came with it (SIMCom manual L1219). So have the length of
    /// the cache (L1217) and the mode that SINGLEIP may repeat (A76XX AT manual V1.09 §17).
    fn is_code(&self, refused: bool) -> bool {
        let value = [Verb::Size, Verb::CacheRead, Verb::SingleIp].map(Claim::Report);
        refused || !value.contains(&self.claim)
    }

    /// Lines of a listing that were no names after all.
    pub(crate) fn strays(&self, settlement: &Settlement) -> Vec<String> {
        let mut strays = self.names.as_ref().map(Names::strays).unwrap_or_default();
        if settlement.is_done() {
            // A module that starts anew does not go on with a listing.
            strays.retain(|text| Urc::parse(text) != Urc::Boot);
        }
        strays
    }

    fn settlement(&self, verdict: Verdict, clean: bool) -> Settlement {
        // A line that was taken for a name may have been another, and the end a name: what comes next
        // must be surely the next one's.
        let (info, doubted) = match &self.names {
            Some(names) => names.names(),
            None => (self.info.clone(), false),
        };
        Settlement {
            name: self.name,
            verdict,
            clean: clean && !self.hasty && !doubted,
            info,
            prompted: matches!(self.handover, Handover::Open | Handover::Closed),
            echoed: self.echoed,
        }
    }
}
