//! The cookie of a session.

use http::{HeaderMap, HeaderValue, header::COOKIE};

use super::Secret;

/// A cookie by its name, which says where browsers take it from and send it to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    secure: bool,
}

impl Cookie {
    /// That of a console in a cluster, which is reached over TLS. Of `__Host-` browsers demand that the very host set it, over TLS, for
    /// all paths: no other name of the same domain can put its own in its place.
    #[must_use]
    pub fn of_cluster() -> Self {
        Self {
            name: "__Host-flashjob".to_owned(),
            secure: true,
        }
    }

    /// That of a console on loopback at that port. There is no TLS, so that some browsers would not take one that is `Secure`, or begins
    /// with `__Host-`. A browser does not know cookies by port, so the port is in the name: two consoles do not overwrite each other's.
    #[must_use]
    pub fn of_loopback(port: u16) -> Self {
        Self {
            name: format!("flashjob-ui-{port}"),
            secure: false,
        }
    }

    /// Its value in a request, where it is there once.
    #[must_use]
    pub fn value<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let all = headers.get_all(COOKIE).iter();
        let pairs = all.filter_map(|header| header.to_str().ok());
        let pairs = pairs.flat_map(|header| header.split(';'));
        let pairs = pairs.filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.name);
        let (Some((_, value)), None) = (values.next(), values.next()) else {
            return None;
        };
        Some(value)
    }

    /// Sets it for so many seconds, or until the browser ends.
    #[must_use]
    pub fn set(&self, secret: &Secret, seconds: Option<i64>) -> Option<HeaderValue> {
        self.header(secret.text(), seconds)
    }

    /// Takes it back.
    #[must_use]
    pub fn clear(&self) -> Option<HeaderValue> {
        self.header("", Some(0))
    }

    fn header(&self, value: &str, seconds: Option<i64>) -> Option<HeaderValue> {
        let Self { name, secure } = self;
        let mut text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict");
        if *secure {
            text.push_str("; Secure");
        }
        if let Some(seconds) = seconds {
            text.push_str("; Max-Age=");
            text.push_str(&seconds.to_string());
        }
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::alone(&["__Host-flashjob=a"], Some("a"))]
    #[case::among_others(&["x=1; __Host-flashjob=a;y=2"], Some("a"))]
    #[case::in_another_header(&["x=1", "__Host-flashjob=a"], Some("a"))]
    #[case::of_another_name(&["flashjob=a; __Host-flashjob2=b"], None)]
    #[case::twice(&["__Host-flashjob=a; __Host-flashjob=b"], None)]
    #[case::none(&[], None)]
    fn a_cookie_counts_where_it_is_there_once(
        #[case] headers: &[&str],
        #[case] expected: Option<&str>,
    ) {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(COOKIE, header.parse().unwrap());
        }
        assert_eq!(Cookie::of_cluster().value(&map), expected);
    }

    #[test]
    fn no_script_reads_a_cookie_and_no_other_site_has_it_sent() {
        let secret = Secret::random();
        let set = Cookie::of_cluster().set(&secret, Some(60)).unwrap();
        let text = set.to_str().unwrap();
        let expected = format!(
            "__Host-flashjob={}; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60",
            secret.text()
        );
        assert_eq!(text, expected);
        let local = Cookie::of_loopback(8086).set(&secret, None).unwrap();
        let text = local.to_str().unwrap();
        assert!(text.starts_with("flashjob-ui-8086="), "{text}");
        assert!(
            text.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
            "{text}"
        );
        let cleared = Cookie::of_cluster().clear().unwrap();
        assert!(cleared.to_str().unwrap().ends_with("; Max-Age=0"));
    }
}
