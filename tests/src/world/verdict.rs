//! What must hold of a run when everything has come to rest (BEHAVIOUR section 9).

use relay_mcp_core::{RecordKind, WriteState};

use super::judge::Write;
use super::run::World;

impl World {
    /// Looks at all that single steps do not show.
    pub fn check(&mut self) {
        assert_eq!(self.unanswered(), [], "B-9.1: every request is answered");
        assert!(self.host.ended.is_empty(), "B-9.8: no head of an answer is kept for ever");
        assert_eq!(self.unanswered_commands(), 0, "B-8.1: every command is answered");
        self.judge.check_order(&self.relay);
        self.check_accepted();
        self.judge.check_told();
        self.check_rest();
    }

    fn unanswered_commands(&self) -> usize {
        self.host.replies.values().filter(|reply| reply.is_none()).count()
    }

    /// Accepted is delivered or a dead letter, never neither (B-9.4).
    fn check_accepted(&mut self) {
        let left = self.host.writes();
        for (number, write) in &self.judge.writes {
            let Some(key) = &write.accepted else { continue };
            let is_dead = left.iter().any(|(of, state)| of == key && *state == WriteState::Dead);
            let is_applied = self.relay.applied.contains(number);
            let is_discarded = self.judge.discarded.contains(key);
            assert!(is_applied || is_dead || is_discarded, "B-9.4: {number} was accepted and is lost");
            // A session that is lost again and again while its write is repeated counts as the relay's no.
            let had_session = write.had_session && !self.judge.has_crashed && self.relay.forgotten < 5;
            let was_deliverable =
                write.arguments.get("poison").is_none() && (!self.plan.keeps_sessions || had_session);
            assert!(!is_dead || !was_deliverable, "{number} is dead for no reason");
        }
    }

    /// The writes with which nothing is wrong, of agents with a session, that are dead letters all the same.
    pub fn dead_for_no_reason(&mut self) -> Vec<u64> {
        let left = self.host.writes();
        let is_dead = |key: &str| left.iter().any(|(of, state)| of == key && *state == WriteState::Dead);
        let writes =
            self.judge.writes.iter().filter(|(_, write)| write.accepted.as_deref().is_some_and(is_dead));
        let is_well = |write: &Write| write.had_session && write.arguments.get("poison").is_none();
        writes.filter(|(_, write)| is_well(write)).map(|(number, _)| *number).collect()
    }

    /// When faults stop, the outbox drains and the menu converges (B-9.10), and the disk tells the same.
    fn check_rest(&mut self) {
        let outbox = self.host.outbox();
        assert_eq!((outbox.depth, outbox.oldest_age_ms), (0, None), "B-9.10: the outbox drains");
        assert!(!outbox.paused, "B-9.10: nothing waits for a token");
        self.host.store_all();
        let kept = self.host.disk.count(RecordKind::Write);
        assert_eq!(kept, outbox.dead_letters, "what is delivered is forgotten");
        assert!(kept <= self.plan.room, "G9: no more than there is room for");
    }
}
