//! Where a registry sends those who ask without a token. Pure.

use reqwest::Url;

/// What a registry wants: a token of this service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenRequest {
    /// Where the token is asked for, everything included.
    pub(super) url: Url,
}

impl TokenRequest {
    /// The request that a `WWW-Authenticate` header of a registry asks for, for these actions (`pull`, `pull,push`) on a repository. None
    /// where it does not speak of tokens.
    ///
    /// # Errors
    /// In words, where the token service is not one of the registry: else whoever answers for a registry could send the operator to
    /// any address of the cluster.
    pub(super) fn parse(
        header: &str,
        registry: &Url,
        (repository, actions): (&str, &str),
    ) -> Result<Option<Self>, String> {
        let Ok(challenges) = http_auth::parse_challenges(header) else {
            return Ok(None);
        };
        let bearer = challenges
            .iter()
            .find(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"));
        let Some(bearer) = bearer else {
            return Ok(None);
        };
        let parameter = |name: &str| {
            let mut all = bearer.params.iter();
            let found = all.find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let realm = parameter("realm").unwrap_or_default();
        let foreign =
            || format!("its token service {realm:?} is not one of the registry; it is not asked");
        let mut url = Url::parse(&realm).map_err(|_| foreign())?;
        if !is_of(&url, registry) {
            return Err(foreign());
        }
        let scope = format!("repository:{repository}:{actions}");
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = parameter("service") {
                query.append_pair("service", &service);
            }
            query.append_pair("scope", &scope);
        }
        Ok(Some(Self { url }))
    }
}

/// Whether a registry takes a login as it is.
pub(super) fn takes_logins(header: &str) -> bool {
    let challenges = http_auth::parse_challenges(header).unwrap_or_default();
    challenges
        .iter()
        .any(|challenge| challenge.scheme.eq_ignore_ascii_case("basic"))
}

/// Whether a token service is one of a registry: at the same place, or, by TLS alone, in the domain that the registry is in.
fn is_of(realm: &Url, registry: &Url) -> bool {
    if !realm.username().is_empty() || realm.password().is_some() {
        return false;
    }
    if realm.origin() == registry.origin() {
        return true;
    }
    let (Some(name), Some(registry)) = (realm.domain(), registry.domain()) else {
        return false;
    };
    let domain = match registry.split_once('.') {
        Some((_, domain)) if domain.contains('.') => domain,
        _ => registry,
    };
    let inside = name.strip_suffix(domain);
    realm.scheme() == "https" && inside.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn asked(registry: &str, realm: &str) -> Result<Option<String>, String> {
        let header =
            format!(r#"Bearer realm="{realm}",service="r",scope="repository:other:pull,push""#);
        let registry = Url::parse(registry).unwrap();
        let found = TokenRequest::parse(&header, &registry, ("fleet/esp32", "pull"))?;
        Ok(found.map(|found| found.url.to_string()))
    }

    #[rstest]
    #[case::same_host(
        "https://registry.example.com",
        "https://registry.example.com/service/token"
    )]
    #[case::same_domain("https://registry-1.example.com", "https://auth.example.com/token")]
    #[case::loopback("http://127.0.0.1:5000", "http://127.0.0.1:5000/token")]
    fn the_token_service_of_a_registry_is_asked_for_the_right_to_pull(
        #[case] registry: &str,
        #[case] realm: &str,
    ) {
        let expected = format!("{realm}?service=r&scope=repository%3Afleet%2Fesp32%3Apull");
        assert_eq!(asked(registry, realm), Ok(Some(expected)));
    }

    #[rstest]
    #[case::elsewhere("https://registry.example.com", "https://example.org/token")]
    #[case::in_a_public_suffix("https://registry.example.co.uk", "https://other.co.uk/token")]
    #[case::another_name_ending_alike(
        "https://registry.example.com",
        "https://evilexample.com/token"
    )]
    #[case::without_tls("https://registry.example.com", "http://auth.example.com/token")]
    #[case::another_address("http://192.0.2.1:5000", "http://192.0.2.2:5000/token")]
    #[case::another_port("http://127.0.0.1:5000", "http://127.0.0.1:10250/token")]
    #[case::with_a_password(
        "https://registry.example.com",
        "https://a:b@registry.example.com/token"
    )]
    #[case::not_a_url("https://registry.example.com", "token")]
    fn a_token_service_elsewhere_is_not_asked(#[case] registry: &str, #[case] realm: &str) {
        let expected =
            format!("its token service {realm:?} is not one of the registry; it is not asked");
        assert_eq!(asked(registry, realm), Err(expected));
    }

    #[rstest]
    #[case("Basic realm=\"r\"")]
    #[case("")]
    #[case("Bearer realm")]
    fn other_challenges_ask_for_no_token(#[case] header: &str) {
        let registry = Url::parse("https://registry.example.com").unwrap();
        let asked = TokenRequest::parse(header, &registry, ("esp32", "pull"));
        assert_eq!(asked, Ok(None));
    }
}
