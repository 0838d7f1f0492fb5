use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Request, Response, StatusCode};
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tower::{BoxError, service_fn};

use super::*;

/// An API server with the Lease of a holder that is gone, that answers writes as it is told; of each write the holder identity.
#[derive(Clone)]
struct Server {
    lease: Arc<Mutex<Value>>,
    /// Code of the answer to each write, 0 for none at all, and whether it takes effect; then all do.
    fates: Arc<Mutex<Vec<(u16, bool)>>>,
    holders: Arc<Mutex<Vec<String>>>,
    /// So many reads are never answered.
    silent_reads: Arc<Mutex<usize>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(code: u16, body: &Value) -> Response<Body> {
    let body = Body::from(body.to_string().into_bytes());
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(code).expect("a code");
    answer
}

fn failure(code: u16) -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "", "code": code});
    answer(code, &status)
}

impl Server {
    fn new() -> Self {
        let spec = json!({"holderIdentity": "gone", "leaseDurationSeconds": 0});
        Self {
            lease: Arc::new(Mutex::new(json!({"metadata": {}, "spec": spec}))),
            fates: Arc::default(),
            holders: Arc::default(),
            silent_reads: Arc::default(),
        }
    }

    fn failing(fates: &[(u16, bool)]) -> Self {
        let server = Self::new();
        locked(&server.fates).extend(fates.iter().rev());
        server
    }

    async fn serve(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        if request.method() == Method::GET {
            let silent = *locked(&self.silent_reads);
            if silent > 0 {
                *locked(&self.silent_reads) = silent - 1;
                return std::future::pending().await;
            }
            return Ok(answer(200, &locked(&self.lease)));
        }
        let lease: Value = serde_json::from_slice(&request.into_body().collect_bytes().await?)?;
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        locked(&self.holders).push(holder.to_owned());
        let (code, effective) = locked(&self.fates).pop().unwrap_or((200, true));
        if effective {
            *locked(&self.lease) = lease.clone();
        }
        if code == 0 {
            return std::future::pending().await;
        }
        Ok(if code < 300 {
            answer(code, &lease)
        } else {
            failure(code)
        })
    }

    /// Who leads when all of it is over.
    async fn won(&self) -> String {
        let election = self.election(Duration::from_secs(20), Duration::from_secs(30));
        let won = timeout(Duration::from_mins(1), election.win());
        let leadership = won.await.expect("it is won in time");
        leadership.identity().to_owned()
    }

    /// A candidate that looks at the Lease all the time.
    fn election(&self, renew_period: Duration, renew_deadline: Duration) -> Election {
        let server = self.clone();
        let service = service_fn(move |request| server.clone().serve(request));
        let times = LeaseTimes {
            duration: Duration::from_mins(1),
            renew_deadline,
            renew_period,
            poll_period: Duration::from_millis(1),
            settle_period: Duration::from_millis(200),
        };
        let client = Client::new(service, "lab");
        let fence = Arc::new(Fence::default());
        let limit = Duration::from_millis(200);
        Election::new(client, "lab", times, limit, fence)
    }
}

#[tokio::test]
async fn each_try_to_take_the_lease_is_made_under_an_identity_of_its_own() {
    let server = Server::failing(&[(500, false), (409, false)]);
    let leader = server.won().await;
    let holders = locked(&server.holders).clone();
    let [first, second, third] = &holders[..] else {
        panic!("three tries: {holders:?}")
    };
    assert!(first != second && second != third && first != third);
    assert_eq!(&leader, third);
}

#[tokio::test]
async fn a_try_whose_answer_was_lost_is_recognised_by_its_identity() {
    let server = Server::failing(&[(504, true)]);
    let leader = server.won().await;
    assert_eq!(*locked(&server.holders), [leader.clone(), leader]);
}

#[tokio::test]
async fn a_lease_that_was_won_is_renewed_while_writes_of_a_former_leader_are_waited_for() {
    let server = Server::new();
    let election = server.election(Duration::from_millis(20), Duration::from_secs(30));
    let fence = Arc::clone(&election.fence);
    let winning = tokio::spawn(async move { election.win().await });
    while locked(&server.holders).len() < 3 {
        assert!(!winning.is_finished(), "won without renewals");
        sleep(Duration::from_millis(1)).await;
    }
    assert!(!fence.is_held(clock::boot_time()), "writes are waited for");
    let leadership = winning.await.expect("an election");
    assert!(fence.is_held(clock::boot_time()));
    let holders = locked(&server.holders).clone();
    assert!(holders.iter().all(|one| one == leadership.identity()));
}

#[tokio::test]
async fn a_lease_that_is_taken_while_former_writes_are_waited_for_is_not_led_with() {
    let server = Server::failing(&[(200, true), (409, false)]);
    let election = server.election(Duration::from_millis(20), Duration::from_secs(30));
    let fence = Arc::clone(&election.fence);
    let winning = tokio::spawn(async move { election.win().await });
    while locked(&server.holders).is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    locked(&server.lease)["spec"]["holderIdentity"] = json!("another");
    sleep(Duration::from_millis(600)).await;
    assert!(!winning.is_finished() && !fence.is_held(clock::boot_time()));
    winning.abort();
}

/// A leader goes on though its next writes are answered like this, and so many of its next reads not at all.
async fn goes_on(fates: &[(u16, bool)], silent_reads: usize) {
    let server = Server::new();
    let mut election = server.election(Duration::from_millis(20), Duration::from_secs(3));
    let mut leadership = election.win().await;
    // As long as the lease may be believed in.
    election.request_timeout = Duration::from_secs(3);
    leadership.election = election;
    locked(&server.fates).extend(fates.iter().rev());
    *locked(&server.silent_reads) = silent_reads;
    let enough = locked(&server.holders).len() + fates.len() + 1;
    let again = async {
        while locked(&server.holders).len() < enough {
            sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        lost = leadership.keep() => panic!("{lost}"),
        () = again => {}
    }
}

#[tokio::test]
async fn a_renewal_that_is_refused_ten_times_is_tried_again_while_the_lease_is_believed_in() {
    goes_on(&[(503, false); 10], 0).await;
}

#[tokio::test]
async fn a_renewal_that_is_never_answered_leaves_time_for_another() {
    goes_on(&[(0, false)], 0).await;
}

#[tokio::test]
async fn a_look_at_a_lease_that_changed_leaves_time_for_another_when_it_is_never_answered() {
    goes_on(&[(504, true), (409, false)], 1).await;
}
