//! Which hosts a console on loopback answers to: a name that somebody else's DNS leads to loopback is none of them.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderMap, Uri, header::HOST},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::problem::Problem;

/// Lets through what names one of the hosts; none: everything.
pub async fn check(hosts: Option<Arc<[String]>>, request: Request, next: Next) -> Response {
    let named = hosts.is_none_or(|hosts| is_named(&hosts, request.uri(), request.headers()));
    if named {
        next.run(request).await
    } else {
        Problem::wrong_host().into_response()
    }
}

/// Whether a request names one of these hosts, and nothing else.
fn is_named(hosts: &[String], uri: &Uri, headers: &HeaderMap) -> bool {
    let is_one = |name: &str| hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
    let mut all = headers.get_all(HOST).iter();
    let (Some(header), None) = (all.next(), all.next()) else {
        return false;
    };
    let authority = uri.authority();
    header.to_str().is_ok_and(is_one) && authority.is_none_or(|name| is_one(name.as_str()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::as_it_is_printed("/", &["127.0.0.1:8086"], true)]
    #[case::by_name("/", &["LOCALHOST:8086"], true)]
    #[case::of_the_newer_protocol("/", &["[::1]:8086"], true)]
    #[case::of_a_proxy("http://localhost:8086/", &["localhost:8086"], true)]
    #[case::another_port("/", &["127.0.0.1:80"], false)]
    #[case::without_a_port("/", &["localhost"], false)]
    #[case::another_name("/", &["evil.example:8086"], false)]
    #[case::a_name_that_begins_alike("/", &["127.0.0.1:8086.evil.example"], false)]
    #[case::another_name_in_the_address("http://evil.example/", &["localhost:8086"], false)]
    #[case::two("/", &["localhost:8086", "localhost:8086"], false)]
    #[case::none("/", &[], false)]
    fn only_loopback_by_its_port_is_answered(
        #[case] uri: &'static str,
        #[case] headers: &[&str],
        #[case] expected: bool,
    ) {
        let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:8086"));
        let headers = headers.iter().map(|host| (HOST, host.parse().unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        assert_eq!(is_named(&hosts, &Uri::from_static(uri), &map), expected);
    }
}
