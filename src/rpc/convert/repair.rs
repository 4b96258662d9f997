//! Repairs of the link to responses.

use super::response::{duration, number};
use crate::broker::Repairs;
use crate::broker::health::{Repaired, Rung};
use crate::broker::modem::chain;
use crate::proto;

impl From<Rung> for proto::RepairRung {
    fn from(rung: Rung) -> Self {
        match rung {
            Rung::Resynchronise => Self::Resynchronise,
            Rung::Login => Self::Login,
            Rung::Service => Self::Service,
            Rung::Context => Self::Context,
            Rung::Radio => Self::Radio,
            Rung::Reset => Self::Reset,
            Rung::Reopen => Self::Reopen,
        }
    }
}

impl From<Repaired> for proto::RepairEvent {
    fn from(repaired: Repaired) -> Self {
        let (ok, detail) = match &repaired.outcome {
            Ok(()) => (true, String::new()),
            Err(failure) => (false, chain(failure)),
        };
        Self {
            rung: proto::RepairRung::from(repaired.rung).into(),
            why: repaired
                .why
                .as_ref()
                .map_or_else(String::new, |why| chain(why)),
            ok,
            detail,
        }
    }
}

impl From<Repairs> for proto::Repairs {
    fn from(repairs: Repairs) -> Self {
        let (last, ago) = repairs.last.unzip();
        let count = |(rung, count)| proto::RepairCount {
            rung: proto::RepairRung::from(rung).into(),
            count: number(count),
        };
        Self {
            last: last.map(Into::into),
            ago: ago.map(duration),
            within_an_hour: repairs.within_an_hour.into_iter().map(count).collect(),
        }
    }
}
