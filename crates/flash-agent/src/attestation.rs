//! The attestation service, which knows the devices.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::http::{HttpError, InvalidUrl, Request, Url, send};

/// Most of an answer that is read; only its status counts.
const MAX_ANSWER: u64 = 64 << 10;

/// Whether the service knows the device with this certificate.
pub fn is_known(authority: &str, certificate: &[u8]) -> Result<bool, HttpError> {
    let url: Url = format!("http://{authority}/")
        .parse()
        .map_err(|error: InvalidUrl| HttpError::Malformed(error.to_string()))?;
    let pem = pem(certificate);
    let request = Request {
        method: "POST",
        url: &url,
        headers: &[("Content-Type", "text/plain")],
        body: pem.as_bytes(),
    };
    Ok(send(&request, MAX_ANSWER)?.status == 200)
}

/// The certificate as text.
fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_becomes_text_in_lines_of_64() {
        let pem = pem(&[0; 60]);
        let lines: Vec<_> = pem.lines().map(str::len).collect();
        assert_eq!(lines, [27, 64, 16, 25]);
    }
}
