//! An operator under a supervisor, as in a cluster: it is killed at will, and started again when it ends by itself.

use super::{Operator, Space, seconds};

/// A running operator of a namespace, and how to start it again.
pub struct Supervised<'a> {
    space: &'a Space,
    arguments: &'a [&'a str],
    operator: Operator,
}

impl<'a> Supervised<'a> {
    /// Starts an operator with these arguments and waits until it leads.
    pub async fn start(space: &'a Space, arguments: &'a [&'a str]) -> Self {
        let operator = leader(space, arguments).await;
        Self {
            space,
            arguments,
            operator,
        }
    }

    /// Waits for an answer. An operator that ended by itself, such as one that could not renew its lease on a busy machine, is
    /// started again.
    pub async fn until<T>(
        &mut self,
        what: &str,
        within: u64,
        mut ask: impl FnMut() -> Option<T>,
    ) -> T {
        loop {
            let operator = &mut self.operator;
            let answer =
                self.space
                    .eventually(what, seconds(within), async || match operator.ended() {
                        Some(_) => Some(None),
                        None => ask().map(Some),
                    });
            if let Some(answer) = answer.await {
                return answer;
            }
            println!("the operator ended by itself and is started again");
            self.restart().await;
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.operator.kill();
    }

    /// Starts the next one and waits until it leads.
    pub async fn restart(&mut self) {
        self.operator = leader(self.space, self.arguments).await;
    }

    /// SIGTERM, and waits for its end.
    pub fn terminate(&mut self) {
        self.operator.terminate(seconds(30));
    }
}

/// Starts an operator and waits until it leads. Its predecessor was killed: its lease is taken away, so that nobody waits for it
/// to expire (a leader still waits as long as a write may last).
async fn leader(space: &Space, arguments: &[&str]) -> Operator {
    let leaders = |operator: &Operator| operator.log().matches("leading identity=").count();
    space.kubectl(&["delete", "leases", "--all"]);
    let operator = space.operator(arguments);
    let before = leaders(&operator);
    space
        .eventually("leader", seconds(60), async || {
            (leaders(&operator) > before).then_some(())
        })
        .await;
    operator
}
