use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::http::HeaderValue;
use http::{Request, Response, StatusCode as Code};
use kube::{Client, client::Body};
use rstest::rstest;
use serde_json::{Value, json};
use tower::{BoxError, service_fn};

use super::*;

/// A gate before an API server that knows the tokens `reader` and `stranger`, and how often it was asked.
fn gate(works: bool) -> (Gate, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = service_fn(move |request: Request<Body>| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            let body = request.into_body().collect_bytes().await?;
            let question: Value = serde_json::from_slice(&body)?;
            let (code, answer) = if works {
                (Code::CREATED, answered(question))
            } else {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
                    "message": "tokenreviews is forbidden", "code": 403});
                (Code::FORBIDDEN, status)
            };
            let response = Response::builder().status(code);
            Ok::<_, BoxError>(response.body(Body::from(serde_json::to_vec(&answer)?))?)
        }
    });
    let reviewer = Reviewer::new(Client::new(server, "any"), Duration::from_secs(5));
    (Gate::new(reviewer), asked)
}

fn answered(mut question: Value) -> Value {
    question["status"] = if question["kind"] == "TokenReview" {
        let token = question["spec"]["token"].as_str().unwrap_or_default();
        let known = token == "reader" || token == "stranger";
        json!({"authenticated": known, "user": {"username": token, "groups": ["system:authenticated"], "uid": "1"}})
    } else {
        let spec = &question["spec"];
        let right = json!({"path": "/metrics", "verb": "get"});
        let groups = json!(["system:authenticated"]);
        let allowed = spec["user"] == "reader"
            && spec["nonResourceAttributes"] == right
            && spec["groups"] == groups;
        json!({"allowed": allowed})
    };
    question
}

fn shown(authorization: &str) -> HeaderMap {
    let value = HeaderValue::from_str(authorization).expect("a header");
    HeaderMap::from_iter([(header::AUTHORIZATION, value)])
}

#[rstest]
#[case::with_the_right("Bearer reader", Ok(()))]
#[case::in_small_letters("bearer reader", Ok(()))]
#[case::without_it("Bearer stranger", Err(Refused::Forbidden("stranger".into())))]
#[case::unknown("Bearer nobody", Err(Refused::Unknown))]
#[case::other_scheme("Basic reader", Err(Refused::Unknown))]
#[case::empty("Bearer ", Err(Refused::Unknown))]
#[tokio::test]
async fn the_api_server_says_who_is_let_through(
    #[case] authorization: &str,
    #[case] expected: Result<(), Refused>,
) {
    let (gate, _) = gate(true);
    assert_eq!(gate.admit(&shown(authorization)).await, expected);
    assert_eq!(gate.admit(&HeaderMap::new()).await, Err(Refused::Unknown));
}

#[tokio::test(start_paused = true)]
async fn what_it_said_is_believed_for_a_while_and_then_asked_again() {
    let (gate, asked) = gate(true);
    let count = || asked.load(Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(gate.admit(&shown("Bearer reader")).await, Ok(()));
        assert_eq!(
            gate.admit(&shown("Bearer nobody")).await,
            Err(Refused::Unknown)
        );
    }
    assert_eq!(
        count(),
        3,
        "two questions for who is known, one for who is not"
    );
    tokio::time::advance(REFUSED_FOR).await;
    let _ = gate.admit(&shown("Bearer nobody")).await;
    assert_eq!(gate.admit(&shown("Bearer reader")).await, Ok(()));
    assert_eq!(count(), 4);
    tokio::time::advance(ADMITTED_FOR).await;
    assert_eq!(gate.admit(&shown("Bearer reader")).await, Ok(()));
    assert_eq!(count(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_wrong_tokens_take_a_bounded_place_and_displace_nobody_who_was_admitted() {
    let (gate, asked) = gate(true);
    assert_eq!(gate.admit(&shown("Bearer reader")).await, Ok(()));
    for number in 0..1000 {
        let wrong = shown(&format!("Bearer wrong-{number}"));
        assert_eq!(gate.admit(&wrong).await, Err(Refused::Unknown));
    }
    assert_eq!(gate.known().refused.len(), REMEMBERED);
    let before = asked.load(Ordering::Relaxed);
    assert_eq!(gate.admit(&shown("Bearer reader")).await, Ok(()));
    assert_eq!(asked.load(Ordering::Relaxed), before, "still remembered");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_let_through_while_it_cannot_be_asked_and_that_is_not_remembered() {
    let (gate, asked) = gate(false);
    for number in 1..=2 {
        let answer = gate.admit(&shown("Bearer reader")).await;
        assert_eq!(answer, Err(Refused::Unanswered));
        assert_eq!(asked.load(Ordering::Relaxed), number);
    }
}

#[rstest]
#[case(Refused::Unknown, 401, "show a token of this cluster")]
#[case(Refused::Forbidden("someone".into()), 403, "someone may not get /metrics: bind the ClusterRole")]
#[case(Refused::Unanswered, 503, "try again")]
fn a_refusal_says_what_to_do(#[case] refused: Refused, #[case] status: u16, #[case] text: &str) {
    assert!(refused.to_string().contains(text), "{refused}");
    assert_eq!(refused.into_response().status().as_u16(), status);
}
