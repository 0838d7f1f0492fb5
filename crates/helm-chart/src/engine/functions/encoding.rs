//! Base 64, base 32 and checksums. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest as _;

use super::support::{Outcome, done};
use super::{Call, Function, FunctionError, Param, text};
use crate::engine::octets;
use crate::engine::value::Value;

use Param::String as Text;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "adler32sum",
        Function::new(&[Text], |call, a| {
            call.work(text(a, 0).len() / 64)?;
            done(call, adler32(&octets::bytes(&text(a, 0))).to_string())
        }),
    ),
    ("b32dec", Function::new(&[Text], b32dec)),
    (
        "b32enc",
        Function::new(&[Text], |call, a| {
            call.charge(text(a, 0).len())?;
            call.work(text(a, 0).len() / 16)?;
            done(call, b32enc(&octets::bytes(&text(a, 0))))
        }),
    ),
    ("b64dec", Function::new(&[Text], b64dec)),
    (
        "b64enc",
        Function::new(&[Text], |call, a| {
            done(call, STANDARD.encode(octets::bytes(&text(a, 0))))
        }),
    ),
    (
        "sha1sum",
        Function::new(&[Text], |call, a| {
            call.work(text(a, 0).len() / 64)?;
            done(
                call,
                hex::encode(sha1::Sha1::digest(octets::bytes(&text(a, 0)))),
            )
        }),
    ),
    (
        "sha256sum",
        Function::new(&[Text], |call, a| {
            call.work(text(a, 0).len() / 64)?;
            done(
                call,
                hex::encode(sha2::Sha256::digest(octets::bytes(&text(a, 0)))),
            )
        }),
    ),
    (
        "sha512sum",
        Function::new(&[Text], |call, a| {
            call.work(text(a, 0).len() / 64)?;
            done(
                call,
                hex::encode(sha2::Sha512::digest(octets::bytes(&text(a, 0)))),
            )
        }),
    ),
];

const BASE_32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}

/// Go hands the error's text back as if it were the decoded text; here it ends the rendering.
fn b64dec(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let source = text(arguments, 0);
    call.charge(source.len().saturating_mul(2))?;
    call.work(source.len() / 64)?;
    let compact = source.replace(['\r', '\n'], "");
    // Go ignores the bits after the last whole byte.
    let lenient = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
    );
    let bytes = lenient
        .decode(compact)
        .map_err(|_| FunctionError::new("illegal base64 data"))?;
    done(call, octets::string(bytes))
}

fn b32enc(bytes: &[u8]) -> String {
    let mut result = String::new();
    for chunk in bytes.chunks(5) {
        let bits = chunk
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte))
            << (8 * (5 - chunk.len()));
        let characters = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let value = usize::try_from(bits >> (35 - 5 * index) & 31).unwrap_or(0);
            result.push(if index < characters {
                char::from(BASE_32[value])
            } else {
                '='
            });
        }
    }
    result
}

fn b32dec(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let source = text(arguments, 0);
    call.charge(source.len().saturating_mul(2))?;
    call.work(source.len() / 8)?;
    let source = source.replace(['\r', '\n'], "");
    let digits = source.trim_end_matches('=');
    let padding = source.len() - digits.len();
    let wrong = || FunctionError::new("illegal base32 data");
    if !source.len().is_multiple_of(8) || ![0, 1, 3, 4, 6].contains(&padding) {
        return Err(wrong());
    }
    let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, Vec::new());
    for digit in digits.bytes() {
        let value = BASE_32
            .iter()
            .position(|known| *known == digit)
            .and_then(|value| u32::try_from(value).ok());
        bits = bits << 5 | value.ok_or_else(wrong)?;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
            bits &= (1 << held) - 1;
        }
    }
    done(call, octets::string(bytes))
}
