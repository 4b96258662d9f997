//! What a line came to.

use super::{Claim, Exchange, Handover, Names};
use crate::at::{ErrorCode, FinalCode};
use crate::dialogue::failure::{Awaited, Cause};
use crate::ftps::{Body, ErrCode, Shape, Urc, Verb};

/// How an exchange ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settlement {
    /// The command, for errors.
    pub(crate) name: &'static str,
    /// What it came to.
    pub(crate) verdict: Verdict,
    /// Every part of the answer came, so that nothing can be taken for the next one's.
    pub(crate) clean: bool,
    /// Lines of information.
    pub(crate) info: Vec<String>,
    /// The prompt came: content was, or could have been, handed over.
    pub(crate) prompted: bool,
    /// The line came back.
    pub(crate) echoed: bool,
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It did what was asked; the report, where it carries more than a success code.
    Done(Option<Body>),
    /// It did not.
    Failed(Cause),
}

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

impl Settlement {
    /// The error code reported, if that is what happened.
    pub(crate) fn errcode(&self) -> Option<ErrCode> {
        match self.verdict {
            Verdict::Failed(Cause::Reported(code)) => Some(code),
            _ => None,
        }
    }

    /// Whether the command did what was asked.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.verdict, Verdict::Done(_))
    }

    /// The rest of the first line of information that begins with the prefix.
    pub(crate) fn after(&self, prefix: &str) -> Option<&str> {
        self.info
            .iter()
            .find_map(|line| line.strip_prefix(prefix))
            .map(str::trim)
    }

    /// The reason of a refusal, where the module gave one.
    pub(crate) fn refusal(&self) -> Option<&ErrorCode> {
        match &self.verdict {
            Verdict::Failed(Cause::Refused(code)) => code.as_ref(),
            _ => None,
        }
    }
}
