//! Signatures in both formats, good and bad, against keys and identities.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use rstest::rstest;
use serde_json::{Value, json};
use sigstore_verify::crypto::KeyPair;
use testbed::{CertificateIdentity, Sigstore};

use super::{
    Authority, Fault, Identity, Means, Signature, Signed, SimpleSignature, fixtures, verify_image,
};
use crate::{api::SignerIdentity, provenance::fixtures::DIGEST};

const OTHER: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const SUBJECT: &str = "https://github.com/example/fw/.github/workflows/build.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const WORKFLOW: CertificateIdentity<'_> = CertificateIdentity {
    subject: SUBJECT,
    issuer: ISSUER,
};

/// The formats in which a signature may be kept.
#[derive(Clone, Copy)]
enum Format {
    Bundle,
    Simple,
}

fn authority(means: Means) -> Authority {
    Authority {
        name: "release".into(),
        means,
        annotations: BTreeMap::new(),
    }
}

fn keys(keys: &[&KeyPair]) -> Authority {
    let pems: Vec<_> = keys.iter().map(|key| fixtures::public(key)).collect();
    let named = pems.iter().map(|pem| ("cosign.pub", pem.as_bytes()));
    authority(Means::keys(named).unwrap())
}

fn keyless(sigstore: &Sigstore) -> Authority {
    let identity = SignerIdentity {
        issuer: Some(ISSUER.into()),
        subject_reg_exp: Some(r"^https://github\.com/example/".into()),
        ..SignerIdentity::default()
    };
    let identities = vec![Identity::of(&identity).unwrap()];
    let root = sigstore.trusted_root().to_string();
    authority(Means::keyless(identities, root.as_bytes()).unwrap())
}

fn by_key(format: Format, key: &KeyPair, digest: &str, annotations: &Value) -> Signature {
    match format {
        Format::Bundle => {
            let statement = fixtures::statement(digest, annotations);
            Signature::Bundle(fixtures::bundle_of(key, &statement).to_string().into())
        }
        Format::Simple => {
            let payload = fixtures::payload(digest, annotations);
            Signature::Simple(fixtures::simple_of(key, &payload))
        }
    }
}

fn by_identity(format: Format, sigstore: &Sigstore, who: CertificateIdentity<'_>) -> Signature {
    let none = json!({});
    match format {
        Format::Bundle => {
            let bundle = fixtures::bundle_by(sigstore, who, &fixtures::statement(DIGEST, &none));
            Signature::Bundle(bundle.to_string().into())
        }
        Format::Simple => Signature::Simple(fixtures::simple_by(
            sigstore,
            who,
            &fixtures::payload(DIGEST, &none),
        )),
    }
}

fn verify(signatures: &[Signature], authority: Authority) -> Signed {
    verify_image((DIGEST, signatures), &[], &[authority])
}

fn invalid(signed: Signed) -> String {
    match signed {
        Err(Fault::Invalid(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[rstest]
fn a_signature_by_a_key_of_the_authority_holds(
    #[values(Format::Bundle, Format::Simple)] format: Format,
) {
    let (old, new) = (fixtures::key(), fixtures::key());
    let signature = by_key(format, &new, DIGEST, &json!(null));
    let signer = verify(&[signature], keys(&[&old, &new])).unwrap();
    assert_eq!(signer.authority, "release");
    assert!(
        signer.identity.starts_with("cosign.pub (sha256 "),
        "{}",
        signer.identity
    );
}

#[rstest]
fn a_signature_by_another_key_does_not_hold(
    #[values(Format::Bundle, Format::Simple)] format: Format,
) {
    let signature = by_key(format, &fixtures::key(), DIGEST, &json!({}));
    let why = invalid(verify(&[signature], keys(&[&fixtures::key()])));
    assert!(
        why.starts_with("it was not made with cosign.pub (sha256 "),
        "{why}"
    );
}

#[rstest]
fn a_signature_counts_for_its_own_image_alone(
    #[values(Format::Bundle, Format::Simple)] format: Format,
) {
    let key = fixtures::key();
    let signature = by_key(format, &key, OTHER, &json!({}));
    assert_eq!(
        invalid(verify(&[signature], keys(&[&key]))),
        "it is about another image"
    );
}

#[rstest]
fn a_good_signature_counts_among_bad_ones(
    #[values(Format::Bundle, Format::Simple)] format: Format,
) {
    let key = fixtures::key();
    let signatures = [
        Signature::Bundle(b"{".to_vec()),
        by_key(format, &fixtures::key(), DIGEST, &json!({})),
        by_key(format, &key, DIGEST, &json!({})),
    ];
    assert!(verify(&signatures, keys(&[&key])).is_ok_and(|signer| signer.authority == "release"));
}

#[rstest]
fn annotations_of_an_authority_have_to_be_in_the_signature(
    #[values(Format::Bundle, Format::Simple)] format: Format,
) {
    let key = fixtures::key();
    let asking = || Authority {
        annotations: [("author".to_owned(), "Example".to_owned())].into(),
        ..keys(&[&key])
    };
    let signed =
        |annotations: Value| verify(&[by_key(format, &key, DIGEST, &annotations)], asking());
    assert!(signed(json!({"author": "Example", "more": 1})).is_ok());
    for other in [
        json!({}),
        json!({"author": "Somebody"}),
        json!({"author": 1}),
    ] {
        let Err(Fault::Stranger(who)) = signed(other) else {
            panic!("the annotation is missing");
        };
        assert!(
            who.ends_with(", without the annotation author=Example"),
            "{who}"
        );
    }
}

#[test]
fn what_says_something_else_of_an_image_is_not_a_signature() {
    let key = fixtures::key();
    let mut statement = fixtures::statement(DIGEST, &json!({}));
    statement["predicateType"] = json!("https://spdx.dev/Document");
    let bundle = fixtures::bundle_of(&key, &statement).to_string();
    let signed = verify(&[Signature::Bundle(bundle.into())], keys(&[&key]));
    assert_eq!(signed, Err(Fault::Missing));
    assert_eq!(verify(&[], keys(&[&key])), Err(Fault::Missing));
    let mut payload = fixtures::payload(DIGEST, &json!({}));
    payload["critical"]["type"] = json!("an essay");
    let signature = Signature::Simple(fixtures::simple_of(&key, &payload));
    assert_eq!(
        invalid(verify(&[signature], keys(&[&key]))),
        "it is not the signature of an image but \"an essay\""
    );
}

#[test]
fn what_a_stranger_wrote_is_shown_in_few_words_and_without_control_characters() {
    let key = fixtures::key();
    let mut payload = fixtures::payload(DIGEST, &json!({}));
    payload["critical"]["image"]["docker-manifest-digest"] =
        json!({"\u{1b}[31m": "x".repeat(100_000)});
    let odd = Signature::Simple(fixtures::simple_of(&key, &payload));
    payload["critical"]["type"] = json!("\u{1b}[31m".repeat(10_000));
    payload["critical"]["image"]["docker-manifest-digest"] = json!(DIGEST);
    let long = Signature::Simple(fixtures::simple_of(&key, &payload));
    for signature in [odd, long] {
        let why = invalid(verify(&[signature], keys(&[&key])));
        assert!(why.len() <= 1_024 && !why.contains('\u{1b}'), "{why}");
    }
}

#[rstest]
fn a_certificate_of_a_trusted_identity_holds(
    #[values(Format::Bundle, Format::Simple)] format: Format,
) {
    let sigstore = Sigstore::new();
    let signature = by_identity(format, &sigstore, WORKFLOW);
    let signer = verify(&[signature], keyless(&sigstore)).unwrap();
    assert_eq!(signer.identity, format!("{SUBJECT} of {ISSUER}"));
}

#[rstest]
#[case::of_another_subject("https://github.com/somebody/fw", ISSUER)]
#[case::of_another_issuer(SUBJECT, "https://issuer.example.com")]
fn a_certificate_of_another_identity_is_a_strangers(
    #[values(Format::Bundle, Format::Simple)] format: Format,
    #[case] subject: &str,
    #[case] issuer: &str,
) {
    let sigstore = Sigstore::new();
    let signature = by_identity(format, &sigstore, CertificateIdentity { subject, issuer });
    let stranger = Fault::Stranger(format!("{subject} of {issuer}"));
    assert_eq!(verify(&[signature], keyless(&sigstore)), Err(stranger));
}

#[rstest]
fn a_certificate_of_another_sigstore_does_not_hold(
    #[values(Format::Bundle, Format::Simple)] format: Format,
) {
    let signature = by_identity(format, &Sigstore::new(), WORKFLOW);
    let why = invalid(verify(&[signature], keyless(&Sigstore::new())));
    assert!(why.contains("log"), "{why}");
}

/// The log has it that the signature was made long after its certificate ended.
#[test]
fn an_altered_time_of_the_log_does_not_hold() {
    let sigstore = Sigstore::new();
    let statement = fixtures::statement(DIGEST, &json!({}));
    let mut bundle = fixtures::bundle_by(&sigstore, WORKFLOW, &statement);
    bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = json!("1735732801");
    let signature = Signature::Bundle(bundle.to_string().into());
    let why = invalid(verify(&[signature], keyless(&sigstore)));
    assert!(why.contains("SET verification failed"), "{why}");
}

#[test]
fn a_bundle_without_its_log_entry_does_not_hold_where_the_root_has_a_log() {
    let sigstore = Sigstore::new();
    let statement = fixtures::statement(DIGEST, &json!({}));
    let mut bundle = fixtures::bundle_by(&sigstore, WORKFLOW, &statement);
    bundle["verificationMaterial"]["tlogEntries"] = json!([]);
    let signature = Signature::Bundle(bundle.to_string().into());
    invalid(verify(&[signature], keyless(&sigstore)));
}

/// What is signed and its signature, each with one bit altered at each of its bytes.
fn altered(whole: &Signature) -> Vec<Signature> {
    let (bundle, simple) = match whole {
        Signature::Bundle(bytes) => (serde_json::from_slice(bytes).unwrap(), None),
        Signature::Simple(simple) => (Value::Null, Some(simple)),
    };
    let flips = |bytes: Vec<u8>| {
        (0..bytes.len()).map(move |byte| {
            let mut altered = bytes.clone();
            altered[byte] ^= 1 << (byte % 8);
            altered
        })
    };
    let mut all = Vec::new();
    if let Some(simple) = simple {
        for payload in flips(simple.payload.clone()) {
            all.push(Signature::Simple(SimpleSignature {
                payload,
                ..simple.clone()
            }));
        }
        for bytes in flips(STANDARD.decode(&simple.signature).unwrap()) {
            let signature = STANDARD.encode(bytes);
            all.push(Signature::Simple(SimpleSignature {
                signature,
                ..simple.clone()
            }));
        }
        return all;
    }
    for field in ["/dsseEnvelope/payload", "/dsseEnvelope/signatures/0/sig"] {
        let text = bundle.pointer(field).and_then(Value::as_str).unwrap();
        for bytes in flips(STANDARD.decode(text).unwrap()) {
            let mut bundle: Value = bundle.clone();
            *bundle.pointer_mut(field).unwrap() = json!(STANDARD.encode(bytes));
            all.push(Signature::Bundle(bundle.to_string().into()));
        }
    }
    all
}

#[rstest]
fn no_altered_bit_of_a_signature_by_key_holds(
    #[values(Format::Bundle, Format::Simple)] format: Format,
) {
    let key = fixtures::key();
    let authority = keys(&[&key]);
    let whole = by_key(format, &key, DIGEST, &json!({}));
    let verify = |signature: Signature| {
        verify_image(
            (DIGEST, &[signature]),
            &[],
            std::slice::from_ref(&authority),
        )
    };
    let altered = altered(&whole);
    assert!(verify(whole).is_ok() && altered.len() > 200);
    for (number, altered) in altered.into_iter().enumerate() {
        let verified = verify(altered);
        assert!(verified.is_err(), "alteration {number}: {verified:?}");
    }
}

#[test]
fn an_index_without_a_signature_is_signed_where_all_its_platforms_are() {
    let key = fixtures::key();
    let sign = |digest| vec![by_key(Format::Simple, &key, digest, &json!({}))];
    let of = |platforms: &[(&str, &str, Vec<Signature>)]| {
        verify_image((DIGEST, &[]), platforms, &[keys(&[&key])])
    };
    let both = [
        ("esp32", OTHER, sign(OTHER)),
        ("esp32s3", DIGEST, sign(DIGEST)),
    ];
    assert!(of(&both).is_ok_and(|signer| signer.authority == "release"));
    let one = [
        ("esp32", OTHER, sign(OTHER)),
        ("esp32s3", DIGEST, Vec::new()),
    ];
    assert_eq!(
        of(&one).unwrap_err().to_string(),
        "no signature holds: of its platforms some are signed, and of custom/esp32s3: it has no signature"
    );
    let none = [("esp32", OTHER, Vec::new())];
    assert_eq!(of(&none), Err(Fault::Missing));
    assert_eq!(of(&[]), Err(Fault::Missing));
}

#[rstest]
#[case(&[], "it has no key *.pub")]
#[case(&[("cosign.key", "private")], "it has no key *.pub")]
#[case(&[("cosign.pub", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")], "data[\"cosign.pub\"] has to be a public key in PEM: ECDSA P-256, P-384, Ed25519 or RSA")]
fn a_secret_without_public_keys_is_said(#[case] data: &[(&str, &str)], #[case] said: &str) {
    let data = data.iter().map(|(name, text)| (*name, text.as_bytes()));
    assert_eq!(Means::keys(data).err().unwrap().to_string(), said);
}

#[test]
fn a_root_that_is_not_one_is_said() {
    for text in ["", "{}", "[1]"] {
        let fault = Means::keyless(Vec::new(), text.as_bytes()).err().unwrap();
        let said = fault.to_string();
        assert!(
            said.starts_with("it has to be a trusted root of Sigstore in JSON: "),
            "{said}"
        );
    }
}
