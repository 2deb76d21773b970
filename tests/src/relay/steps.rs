//! An answer in steps.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::body::{Broken, Pieces};
use super::fault::Step;

/// How much a flood says at once.
const WAVE: usize = 64 * 1024;

/// Takes the steps one after the other, until nobody listens.
pub(super) async fn walk(pieces: Pieces, steps: Vec<Step>, id: String) {
    for step in steps {
        match step {
            Step::Say(text) => {
                if pieces.send(Ok(Bytes::from(text.replace("$ID", &id)))).await.is_err() {
                    return;
                }
            }
            Step::Wait(gate) => tokio::select! {
                () = gate.opened() => {}
                () = pieces.closed() => return,
            },
            Step::Reset => {
                pieces.send(Err(Broken)).await.ok();
                return;
            }
            Step::Flood(said) => {
                let wave = Bytes::from(vec![b' '; WAVE]);
                while pieces.send(Ok(wave.clone())).await.is_ok() {
                    said.fetch_add(WAVE, Ordering::SeqCst);
                }
                return;
            }
        }
    }
}
