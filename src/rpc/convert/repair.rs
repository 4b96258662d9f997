//! Repairs of the link to responses.

use super::response::{duration, number};
use crate::broker::api::Repairs;
use crate::broker::terms::Error;
use crate::rpc::status;
use crate::{modem, proto};
use simcom_talk::dialogue::failure::Failure;
use simcom_talk::dialogue::{Repaired, Rung};

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
        let outcome = match repaired.outcome {
            Ok(()) => proto::Outcome::Succeeded,
            Err(_) => proto::Outcome::Failed,
        };
        Self {
            rung: proto::RepairRung::from(repaired.rung).into(),
            cause: repaired.why.map(failure),
            outcome: outcome.into(),
            failure: repaired.outcome.err().map(failure),
        }
    }
}

fn failure(failure: Failure) -> proto::Failure {
    status::failure(&Error::from(modem::Error::Failed(failure)))
}

impl From<Repairs> for proto::Repairs {
    fn from(repairs: Repairs) -> Self {
        let (last, ago) = repairs.last.unzip();
        let count = |(rung, count)| proto::RepairCount {
            rung: proto::RepairRung::from(rung).into(),
            try_count: number(count),
        };
        Self {
            last: last.map(Into::into),
            last_age: ago.map(duration),
            last_hour_counts: repairs.within_an_hour.into_iter().map(count).collect(),
        }
    }
}
