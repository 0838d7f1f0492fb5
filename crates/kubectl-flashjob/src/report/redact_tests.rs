//! What is left out of a report, and what is not.

use rstest::rstest;
use serde_json::json;

use super::*;

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";

#[rstest]
#[case::a_name_and_a_value("login token=abc123 ok", "login token=REDACTED ok")]
#[case::in_json(r#"{"apiKey": "abc 123", "a": 1}"#, r#"{"apiKey": REDACTED, "a": 1}"#)]
#[case::in_yaml("db_password: hunter2", "db_password: REDACTED")]
#[case::in_a_query("GET /a?access_token=abc&b=1", "GET /a?access_token=REDACTED&b=1")]
#[case::a_header("Authorization: Bearer abc.def-123", "Authorization: Bearer REDACTED")]
#[case::a_login("authorization: basic YTpiYzpk", "authorization: basic REDACTED")]
#[case::an_address(
    "pull https://jane:hunter2@registry.example.com/a",
    "pull https://jane:REDACTED@registry.example.com/a"
)]
#[case::an_option("agent --token hunter2 --port 1", "agent --token REDACTED --port 1")]
#[case::a_key(
    "a\n-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nb",
    "a\nREDACTED\nb"
)]
#[case::a_key_that_was_cut("-----BEGIN PRIVATE KEY-----\nMHc\nx", "REDACTED")]
#[case::a_message(
    "device 192.0.2.7:80 failed: no answer within 30s",
    "device 192.0.2.7:80 failed: no answer within 30s"
)]
#[case::an_image(
    "registry.example.com:5000/esp32:1.2.0@sha256:00",
    "registry.example.com:5000/esp32:1.2.0@sha256:00"
)]
#[case::a_time(
    "2026-11-30T00:53:20Z Firmware has been sent",
    "2026-11-30T00:53:20Z Firmware has been sent"
)]
#[case::a_list_in_yaml("imagePullSecrets:\n- name: pull", "imagePullSecrets:\n- name: pull")]
#[case::an_object_in_yaml("secret: {secretName: a}", "secret: {secretName: a}")]
#[case::words_of_secrets("Secret pull is missing", "Secret pull is missing")]
fn a_text_keeps_all_but_secrets(#[case] text: &str, #[case] redacted: &str) {
    assert_eq!(Redaction::new().unwrap().text(text), redacted);
}

#[test]
fn a_token_is_redacted_wherever_it_stands() {
    let text = format!("got {JWT} from the service");
    let redacted = Redaction::new().unwrap().text(&text).into_owned();
    assert_eq!(redacted, "got REDACTED from the service");
}

#[rstest]
#[case::an_env_value(json!({"name": "DB_PASSWORD", "value": "x"}), json!({"name": "DB_PASSWORD", "value": "REDACTED"}))]
#[case::another_env_value(json!({"name": "HOST", "value": "x"}), json!({"name": "HOST", "value": "x"}))]
#[case::an_env_value_with_a_login(
    json!({"name": "REPOSITORY", "value": "https://a:b@c"}), json!({"name": "REPOSITORY", "value": "https://a:REDACTED@c"})
)]
#[case::where_a_secret_is(
    json!({"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "login", "key": "token"}}}),
    json!({"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "login", "key": "token"}}})
)]
#[case::names_of_secrets(
    json!({"secretName": "a", "imagePullSecrets": [{"name": "pull"}], "tokenExpirationSeconds": 600}),
    json!({"secretName": "a", "imagePullSecrets": [{"name": "pull"}], "tokenExpirationSeconds": 600})
)]
#[case::a_property_of_a_device(
    json!({"brokerProperties": {"WIFI_PASSPHRASE": "x", "DEVICE": "esp32"}}),
    json!({"brokerProperties": {"WIFI_PASSPHRASE": "REDACTED", "DEVICE": "esp32"}})
)]
#[case::arguments(json!(["run", "--token", "x", "--port", "1"]), json!(["run", "--token", "REDACTED", "--port", "1"]))]
#[case::an_argument(json!(["--api-key=x"]), json!(["--api-key=REDACTED"]))]
#[case::an_option_without_a_value(json!(["--token", "--port"]), json!(["--token", "--port"]))]
#[case::copies(
    json!({"metadata": {"managedFields": [{}], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}}}),
    json!({"metadata": {"annotations": {"a": "b"}}})
)]
fn an_object_keeps_all_but_secrets(#[case] mut object: Value, #[case] redacted: Value) {
    Redaction::new().unwrap().object(&mut object);
    assert_eq!(object, redacted);
}
