//! What the module says about the SIM card.

use crate::dialogue::exchange::Response;

/// What `+CPIN:` said about the card (3GPP 27.007 §8.3, and SIMCom's own words).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Card {
    Ready,
    /// It waits for a PIN or a PUK, or is bound to another device or network.
    Locked,
    Missing,
    /// It is being read. Words that no document lists are taken for this state, since they prove nothing
    /// else.
    Reading,
}

impl Card {
    /// The card as the last line tells. The lines may be more than the answer: the module announces
    /// changes meanwhile. `None` where no line told.
    pub(super) fn of(response: &Response) -> Option<Self> {
        let mut said = response.info.iter().rev();
        let state = said.find_map(|line| line.strip_prefix("+CPIN:"))?.trim();
        let locked = ["SIM PIN", "SIM PUK", "PH-"];
        Some(match state {
            "READY" => Self::Ready,
            "NOT INSERTED" | "SIM REMOVED" => Self::Missing,
            state if locked.iter().any(|lock| state.starts_with(lock)) => Self::Locked,
            _ => Self::Reading,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::exchange::Outcome;

    #[test]
    fn a_card_is_locked_or_missing_only_where_the_module_says_so() {
        for (said, card) in [
            (&["+CPIN: READY"][..], Some(Card::Ready)),
            (&["+CPIN: NOT READY", "+CPIN: READY"], Some(Card::Ready)),
            (&["+CPIN:SIM PIN"], Some(Card::Locked)),
            (&["+CPIN: PH-NET PIN"], Some(Card::Locked)),
            (&["+CPIN: NOT INSERTED"], Some(Card::Missing)),
            (&["+CPIN: NOT READY"], Some(Card::Reading)),
            (&[], None),
        ] {
            let response = Response {
                name: "AT+CPIN".into(),
                outcome: Outcome::Done(None),
                clean: true,
                info: said.iter().map(|line| (*line).to_owned()).collect(),
                prompted: false,
                echoed: false,
            };
            assert_eq!(Card::of(&response), card, "{said:?}");
        }
    }
}
