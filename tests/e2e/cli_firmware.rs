//! What `plan` says of the image behind a FlashJob's firmware, as a registry on loopback serves it.

use std::io::Write as _;

use serde_json::{Value, json};

use testbed::{Asking, Cosign, ImageRegistry, Params, Space, job::job};

use crate::{
    firmware::{KINDS, Registry},
    signatures::{rules, trust},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_says_which_image_the_firmware_is_and_which_devices_it_is_not_for() {
    let space = Space::new("plan-firmware").await;
    let params = Params {
        devices: 2,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let asking = Asking::new(&space);
    let served = Registry::start().await;
    served.push("all", 0, &["esp32", "esp32s3"]);
    served.push("other", 0, &["stm32"]);
    let registry = served.address;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    let mut plan = |firmware: &str, more: &[&str]| {
        let spec = json!({"firmware": firmware});
        file.as_file().set_len(0).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        write!(file, "{}", job("future", &fleet.uuids(), &spec)).unwrap();
        asking.plan(&[&["-f", &path], more].concat())
    };

    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:all"), &[]);
    assert_eq!(code, 0, "{foretold:#}");
    let image = &foretold["image"];
    let digest = image["digest"].as_str().unwrap();
    let pinned = format!("{registry}/fleet/esp32@{digest}");
    assert_eq!(image["pinned"], json!(pinned), "{foretold:#}");
    assert_eq!(image["platforms"], json!(["esp32", "esp32s3"]));
    let text = asking.text(&["plan", "-f", &path]);
    assert!(
        text.contains(&format!("which is {digest} now, for esp32, esp32s3")),
        "{text}"
    );

    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:other"), &[]);
    assert_eq!(
        (code, &foretold["image"]["refusal"]["reason"]),
        (3, &json!("PlatformMissing"))
    );
    let message = foretold["image"]["refusal"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("the image has no custom/esp32"),
        "{message}"
    );
    assert!(message.ends_with("it has custom/stm32"), "{message}");

    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:none"), &[]);
    let message = format!("registry {registry} has no image {registry}/fleet/esp32:none");
    assert_eq!(
        foretold["image"]["refusal"],
        json!({"reason": "FirmwareMissing", "message": message})
    );
    assert_eq!(code, 3);

    // What cannot be asked here, the flash Pods may reach in the cluster.
    let (foretold, code) = plan("127.0.0.1:1/fleet/esp32:all", &[]);
    let unknown = foretold["image"]["unknown"].as_str().unwrap();
    assert!(
        unknown.starts_with("registry 127.0.0.1:1: no connection"),
        "{unknown}"
    );
    assert_eq!(code, 0, "{foretold:#}");
    let (foretold, code) = plan(&format!("{registry}/fleet/esp32:other"), &["--no-registry"]);
    assert_eq!((code, &foretold["image"]), (0, &Value::Null));
    asking.assert_wrote_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_says_who_signed_the_firmware_to_whom_may_read_the_keys_of_the_class() {
    let space = Space::new("plan-signatures").await;
    let params = Params {
        devices: 1,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let asking = Asking::new(&space);
    let registry = ImageRegistry::start(space.control_plane);
    let image = registry.push("fleet/esp32", "1", 1, &KINDS);
    let (ours, other) = (registry.key("ours"), registry.key("other"));
    trust(&space, &[("ours.pub", &ours.1)]);
    let class = format!("{}-c", space.name);
    let with = |mode: &str| {
        let mut spec = rules(mode, &json!({}));
        spec["receipts"] = json!({"keySecretName": "none"});
        spec
    };
    space.put_class(&class, &rules("Enforce", &json!({})));
    let spec = json!({"firmware": registry.reference("fleet/esp32", "1"), "flashClassName": class});
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{}", job("future", &fleet.uuids(), &spec)).unwrap();
    let path = file.path().to_str().unwrap();
    let here = [
        "-f",
        path,
        "--operator-namespace",
        &space.name,
        "--max-in-flight",
        "10",
    ];

    // The keys are a Secret, and this person reads no Secrets.
    let (foretold, code) = asking.plan(&here);
    let words = format!(
        "you may not get Secret {}/keys: who signed {} is not known to you, and FlashClass {class} asks",
        space.name,
        registry.reference("fleet/esp32", "1")
    );
    assert_eq!(
        (code, &foretold["notSeen"][0]["message"]),
        (1, &json!(words)),
        "{foretold:#}"
    );
    assert_eq!(foretold["image"]["digest"], image.digest);

    let role = [
        "create",
        "role",
        "keys",
        "--verb=get",
        "--resource=secrets",
        "--resource-name=keys",
        "--resource-name=none",
    ];
    space.kubectl(&role);
    asking.bind_as("keys", "rolebinding", "--role=keys", &space.name);
    let (foretold, code) = asking.plan(&here);
    let refusal = &foretold["image"]["refusal"];
    assert_eq!(
        (code, &refusal["reason"]),
        (3, &json!("SignatureMissing")),
        "{foretold:#}"
    );

    space.put_class(&class, &rules("Warn", &json!({})));
    let (foretold, code) = asking.plan(&here);
    let unverified = &foretold["image"]["unverified"];
    assert_eq!(
        (code, &unverified["reason"]),
        (0, &json!("SignatureMissing")),
        "{foretold:#}"
    );

    let about = ("fleet/esp32", image.digest.as_str());
    registry.sign(Cosign::Three, about, &other.0, &[]);
    registry.sign(Cosign::Two, about, &ours.0, &[]);
    space.put_class(&class, &rules("Enforce", &json!({})));
    let (foretold, code) = asking.plan(&here);
    assert_eq!(code, 0, "{foretold:#}");
    let signer = foretold["image"]["signer"].as_str().unwrap();
    assert!(signer.starts_with("release (ours.pub (sha256 "), "{signer}");
    let text = asking.text(&[&["plan"], &here[..]].concat());
    assert!(text.contains(&format!("  Signed by {signer}")), "{text}");

    space.put_class(&class, &with("Enforce"));
    let (foretold, code) = asking.plan(&here);
    let refusal = &foretold["image"]["refusal"];
    assert_eq!(
        (code, &refusal["reason"]),
        (3, &json!("ReceiptKeyUnusable")),
        "{foretold:#}"
    );
}
