//! Names and passwords for registries, as `kubernetes.io/dockerconfigjson` Secrets hold them. Pure. Helper programs that such a file may
//! name are never run, and nothing in here is ever printed.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::ImageReference;

/// Largest Secret that is read, in bytes: the API server takes no larger one.
const MAX_BYTES: usize = 1_048_576;

/// A name with its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

/// Logins by registry, or by the beginning of a repository in one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials(BTreeMap<String, Login>);

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    username: Option<String>,
    password: Option<String>,
    auth: Option<String>,
}

impl Credentials {
    /// Adds what is in a file of docker's. Of two logins for one registry the first stays.
    ///
    /// # Errors
    /// In words, without a piece of the file.
    pub fn add(&mut self, file: &[u8]) -> Result<(), &'static str> {
        if file.len() > MAX_BYTES {
            return Err("it is larger than 1 MiB");
        }
        let File { auths } = serde_json::from_slice(file)
            .map_err(|_| "its .dockerconfigjson is not a docker configuration")?;
        for (registry, entry) in auths {
            let login = entry
                .login()
                .ok_or("an entry of its auths has neither username and password nor auth")?;
            self.0.entry(normal(&registry)).or_insert(login);
        }
        Ok(())
    }

    /// The login for an image: that of the longest beginning of its name.
    #[must_use]
    pub fn login(&self, reference: &ImageReference) -> Option<&Login> {
        let mut name = format!("{}/{}", reference.host, reference.repository);
        loop {
            if let Some(login) = self.0.get(&name) {
                return Some(login);
            }
            let end = name.rfind('/')?;
            name.truncate(end);
        }
    }
}

impl Entry {
    fn login(self) -> Option<Login> {
        if let (Some(user), Some(password)) = (self.username, self.password) {
            return Some(Login { user, password });
        }
        let bytes = STANDARD.decode(self.auth?.trim()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Login {
            user: user.to_owned(),
            password: password.to_owned(),
        })
    }
}

/// A registry as references name it: docker writes `https://index.docker.io/v1/`.
fn normal(registry: &str) -> String {
    let bare = registry
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").unwrap_or(bare);
    let bare = bare.strip_suffix("/v2").unwrap_or(bare);
    match bare.strip_prefix("index.docker.io") {
        Some(rest) => format!("docker.io{rest}"),
        None => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn of(auths: &Value) -> Result<Credentials, &'static str> {
        let mut credentials = Credentials::default();
        credentials.add(json!({"auths": auths}).to_string().as_bytes())?;
        Ok(credentials)
    }

    fn user(credentials: &Credentials, reference: &str) -> Option<String> {
        let login = credentials.login(&reference.parse().unwrap())?;
        Some(format!("{}:{}", login.user, login.password))
    }

    #[test]
    fn an_image_gets_the_login_of_the_longest_beginning_of_its_name_and_of_no_other_host() {
        let credentials = of(&json!({
            "registry.example.com": {"username": "all", "password": "a"},
            "https://registry.example.com/team/": {"auth": STANDARD.encode("team:t:1")},
            "https://index.docker.io/v1/": {"username": "hub", "password": "h"},
        }))
        .unwrap();
        let found = [
            "registry.example.com/team/esp32:1",
            "registry.example.com/teams/esp32:1",
            "esp32:1",
            "registry.example.com:5000/team/esp32:1",
            "example.com/team/esp32:1",
        ]
        .map(|reference| user(&credentials, reference));
        let expected = [Some("team:t:1"), Some("all:a"), Some("hub:h"), None, None]
            .map(|login| login.map(str::to_owned));
        assert_eq!(found, expected);
    }

    #[rstest]
    #[case(json!({"r.io": {}}), "an entry of its auths has neither username and password nor auth")]
    #[case(json!({"r.io": {"auth": "?secret"}}), "an entry of its auths has neither username and password nor auth")]
    #[case(json!(["secret"]), "its .dockerconfigjson is not a docker configuration")]
    fn what_cannot_be_used_is_said_without_a_word_of_it(#[case] auths: Value, #[case] said: &str) {
        assert_eq!(of(&auths), Err(said));
    }

    #[test]
    fn logins_are_not_printed() {
        let credentials = of(&json!({"r.io": {"username": "me", "password": "secret"}})).unwrap();
        assert_eq!(
            format!("{credentials:?}"),
            r#"Credentials({"r.io": Login(…)})"#
        );
    }
}
