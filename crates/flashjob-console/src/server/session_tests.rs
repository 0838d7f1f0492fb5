//! Sessions, before an API server that is played: who gets in, what a cookie may do, and when it ends.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, header::SET_COOKIE},
};
use jiff::Timestamp;
use rstest::rstest;
use serde_json::json;
use tower::ServiceExt;

use super::*;
use crate::{
    cluster::{Door, Followed},
    session::{Pass, Secret},
};

const JOBS: &str = "/api/v1/namespaces/demo/flashjobs";
const SUSPEND: &str = "/api/v1/namespaces/demo/flashjobs/a/actions/suspend";

/// What the API server was asked: method, path, and with which token.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// An API server that knows the token `good`, which is Jane's.
fn api_server(asked: &Asked) -> Door {
    let asked = Arc::clone(asked);
    Door::played(move |request| {
        let token = request.headers().get("authorization");
        let token = token.map_or("nothing", |token| token.to_str().unwrap());
        let question = format!("{} {}", request.method(), request.uri().path());
        asked.lock().unwrap().push((question, token.to_owned()));
        let known = token == "Bearer good";
        let answer = if known {
            json!({"status": {"userInfo": {"username": "jane"}}, "items": [], "metadata": {}})
        } else {
            json!({"kind": "Status", "reason": "Unauthorized", "message": "Unauthorized"})
        };
        let status = if known { 200 } else { 401 };
        let answer = http::Response::builder()
            .status(status)
            .body(answer.to_string().into());
        answer.unwrap()
    })
}

/// A console before that API server, and a clock to turn.
struct Played {
    console: Router,
    asked: Asked,
    second: Arc<AtomicI64>,
}

impl Played {
    fn new() -> Self {
        let asked = Asked::default();
        let second = Arc::new(AtomicI64::new(1_800_000_000));
        let read = Arc::clone(&second);
        let clock = move || Timestamp::from_second(read.load(Ordering::Relaxed)).unwrap();
        let desk = Desk::new(api_server(&asked)).with_clock(Arc::new(clock));
        Self {
            console: console(desk),
            asked,
            second,
        }
    }

    async fn ask(&self, request: Request<Body>) -> (u16, HeaderMap, String) {
        let answer = self.console.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (parts.status.as_u16(), parts.headers, body)
    }

    /// Asks with these headers, and no body.
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (status, _, body) = self.ask(request.body(Body::empty()).unwrap()).await;
        (status, body)
    }

    /// Pastes a token; the cookie, where there is one.
    async fn log_in(&self, token: &str) -> (u16, Option<String>) {
        let request =
            Request::post("/login").header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from(format!("token={token}"))).unwrap();
        let (status, headers, _) = self.ask(request).await;
        let cookie = headers.get(SET_COOKIE);
        let cookie = cookie.map(|cookie| {
            cookie
                .to_str()
                .unwrap()
                .split(';')
                .next()
                .unwrap()
                .to_owned()
        });
        (status, cookie)
    }

    fn asked(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[tokio::test]
async fn a_token_that_the_api_server_knows_is_pasted_once_and_a_cookie_stands_for_it() {
    let played = Played::new();
    let (status, cookie) = played.log_in("good").await;
    assert_eq!(status, 303);
    let cookie = cookie.unwrap();
    assert!(cookie.starts_with("__Host-flashjob="), "{cookie}");
    assert!(!cookie.contains("good"), "{cookie}");
    played.asked();
    let cookie = [("cookie", cookie.as_str())];
    let (status, page) = played
        .send("GET", "/namespaces/demo/flashjobs", &cookie)
        .await;
    assert_eq!(status, 200, "{page}");
    // The jobs, and whether the person may create some.
    let [(_, one), (_, other)] = &played.asked()[..] else {
        panic!("two questions")
    };
    assert_eq!([one, other], ["Bearer good"; 2]);
    let (_, page) = played.send("GET", "/", &cookie).await;
    assert!(page.contains("Signed in as jane"), "{page}");
    let (_, page) = played.send("GET", "/", &[]).await;
    assert!(page.contains("action=\"/login\""), "{page}");
}

#[rstest]
#[case::nobody("bad", 401, 1)]
#[case::two_words("a+b", 400, 0)]
#[case::nothing("", 400, 0)]
#[tokio::test]
async fn a_token_that_the_api_server_does_not_know_begins_no_session(
    #[case] token: &str,
    #[case] expected: u16,
    #[case] questions: usize,
) {
    let played = Played::new();
    let (status, cookie) = played.log_in(token).await;
    assert_eq!((status, cookie), (expected, None));
    assert_eq!(played.asked().len(), questions);
}

#[rstest]
#[case::without_the_header(&[], 403)]
#[case::with_another_value(&[("x-flashjob-console", "yes")], 403)]
#[case::of_another_site(&[("x-flashjob-console", "1"), ("sec-fetch-site", "cross-site")], 403)]
#[case::of_another_port(&[("x-flashjob-console", "1"), ("sec-fetch-site", "same-site")], 403)]
#[case::of_the_console(&[("x-flashjob-console", "1"), ("sec-fetch-site", "same-origin")], 502)]
#[tokio::test]
async fn a_cookie_writes_by_a_page_of_the_console_alone(
    #[case] headers: &[(&str, &str)],
    #[case] expected: u16,
) {
    let played = Played::new();
    let cookie = played.log_in("good").await.1.unwrap();
    played.asked();
    let headers = [&[("cookie", cookie.as_str())], headers].concat();
    let (status, body) = played.send("POST", SUSPEND, &headers).await;
    assert_eq!(status, expected, "{body}");
    // The job that the API server was asked for has no uid here.
    assert_eq!(played.asked().is_empty(), expected == 403);
}

#[tokio::test]
async fn a_session_ends_by_its_term_or_when_somebody_ends_it() {
    let played = Played::new();
    for by_time in [true, false] {
        let cookie = played.log_in("good").await.1.unwrap();
        let cookie = [("cookie", cookie.as_str())];
        assert_eq!(played.send("GET", JOBS, &cookie).await.0, 200);
        if by_time {
            played.second.fetch_add(8 * 3600, Ordering::Relaxed);
        } else {
            assert_eq!(played.send("POST", "/logout", &cookie).await.0, 303);
        }
        played.asked();
        let (status, body) = played.send("GET", JOBS, &cookie).await;
        assert_eq!(status, 401, "{body}");
        assert!(body.contains("this session has ended"), "{body}");
        assert!(played.asked().is_empty());
    }
}

#[tokio::test]
async fn what_began_by_a_session_asks_nothing_more_once_it_has_ended() {
    let asked = Asked::default();
    let desk = Desk::new(api_server(&asked));
    let cookie = desk.log_in("good").await.unwrap();
    let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
    let headers = HeaderMap::from_iter([(header::COOKIE, cookie.parse().unwrap())]);
    let caller = desk.caller(&Method::GET, &headers).unwrap();
    let question = || Ok(http::Request::new(Vec::new()));
    assert!(caller.ask(question()).await.is_ok());
    assert!(desk.log_out(&headers).is_some());
    asked.lock().unwrap().clear();
    assert_eq!(caller.ask(question()).await.unwrap_err().status, 401);
    let followed = Followed {
        jobs: kube::core::Request::new("/jobs"),
        labels: None,
        fields: None,
    };
    let changes = caller.changes(&followed, "1").await;
    assert_eq!(changes.err().map(|problem| problem.status), Some(401));
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn another_site_neither_begins_nor_ends_a_session() {
    let played = Played::new();
    for path in ["/login", "/logout", "/session"] {
        let headers = [("sec-fetch-site", "cross-site")];
        assert_eq!(played.send("POST", path, &headers).await.0, 403, "{path}");
    }
    assert!(played.asked().is_empty());
}

#[tokio::test]
async fn a_header_with_a_token_counts_before_a_cookie() {
    let played = Played::new();
    let cookie = played.log_in("good").await.1.unwrap();
    let headers = [("cookie", cookie.as_str()), ("authorization", "Bearer bad")];
    assert_eq!(played.send("GET", JOBS, &headers).await.0, 401);
}

/// A console on loopback, as `kubectl flashjob ui` has it, and the two secrets that it prints.
fn on_loopback() -> (Played, Secret, String) {
    let asked = Asked::default();
    // The person's own client: what it sends is known to the API server by itself.
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, "Bearer good".parse().unwrap())]);
    let own = crate::session::Token::of(&headers).unwrap();
    let client = api_server(&asked).client(&own);
    let (pass, once) = Pass::new();
    let session = pass.session().text().to_owned();
    let played = Played {
        console: console(Desk::own(client, pass, 8086)),
        asked,
        second: Arc::default(),
    };
    (played, once, session)
}

const HOST: (&str, &str) = ("host", "127.0.0.1:8086");
const OWN: (&str, &str) = ("x-flashjob-console", "1");

#[tokio::test]
async fn the_address_that_is_printed_serves_once_and_its_cookie_reads_as_the_person() {
    let (played, once, _) = on_loopback();
    let bearer = format!("Bearer {}", once.text());
    let request = || {
        let request = Request::post("/session").header(HOST.0, HOST.1);
        let request = request
            .header(OWN.0, OWN.1)
            .header("authorization", &bearer);
        request.body(Body::empty()).unwrap()
    };
    let (status, headers, _) = played.ask(request()).await;
    assert_eq!(status, 204);
    let cookie = headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("flashjob-ui-8086="), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let (status, headers, body) = played.ask(request()).await;
    assert_eq!((status, headers.get(SET_COOKIE)), (401, None));
    assert!(body.contains("serves once"), "{body}");
    assert!(played.asked().is_empty());
    let cookie = ("cookie", cookie);
    assert_eq!(played.send("GET", JOBS, &[HOST, cookie]).await.0, 200);
    assert_eq!(played.asked().len(), 1);
    assert_eq!(played.send("POST", SUSPEND, &[HOST, cookie]).await.0, 403);
    assert!(played.asked().is_empty());
}

#[tokio::test]
async fn only_who_has_the_pass_is_answered_as_the_person() {
    let (played, once, session) = on_loopback();
    let once = format!("Bearer {}", once.text());
    for header in [
        ("cookie", "flashjob-ui-8086=x"),
        ("cookie", "a=b"),
        ("authorization", "Bearer good"),
        ("authorization", &once),
    ] {
        let (status, body) = played.send("GET", JOBS, &[HOST, header]).await;
        assert_eq!(status, 401, "{header:?} {body}");
    }
    assert!(played.asked().is_empty());
    let program = format!("Bearer {session}");
    let program = ("authorization", program.as_str());
    assert_eq!(played.send("GET", JOBS, &[HOST, program]).await.0, 200);
    // A program writes without the header: no browser adds its token by itself.
    assert_eq!(played.send("POST", SUSPEND, &[HOST, program]).await.0, 502);
    let questions = played.asked();
    // What the console was asked with is not passed on.
    assert!(
        questions.iter().all(|(_, token)| token == "Bearer good"),
        "{questions:?}"
    );
    let other = ("host", "console.example:8086");
    for path in [JOBS, "/", "/healthz", "/docs/"] {
        assert_eq!(
            played.send("GET", path, &[other, program]).await.0,
            421,
            "{path}"
        );
    }
    let form = played.log_in("good").await;
    assert_eq!(form, (421, None));
    assert!(played.asked().is_empty());
}

#[tokio::test]
async fn the_page_that_takes_the_token_has_no_script_within_it() {
    let (played, ..) = on_loopback();
    let (status, page) = played.send("GET", "/", &[HOST]).await;
    assert_eq!(status, 200);
    let script = "<script type=\"module\" src=\"/assets/enter.js\"></script>";
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains(script), "{page}");
    assert_eq!(played.send("GET", "/assets/enter.js", &[HOST]).await.0, 200);
    assert!(played.asked().is_empty());
}
