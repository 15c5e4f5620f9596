//! The URI that hands a TOTP secret to an authenticator app (Google Authenticator's Key URI format).

use zeroize::Zeroizing;

use super::factor::totp::PERIOD;

/// The digits and the algorithm that apps assume if a URI names none.
const DEFAULTS: (u32, &str) = (6, "SHA1");

/// The order of a URI's parameters. It matters because some clients cut the URI instead of parsing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterOrder {
    /// All of `secret`, `period`, `digits`, `algorithm`, `issuer`, in this order.
    SecretFirst,
    /// `issuer`, then `secret`, which reaches to the end of the URI. `digits` and `algorithm` come before them, and
    /// only if they differ from what apps assume.
    SecretLast,
}

/// The URI of a TOTP secret: `otpauth://totp/Issuer:account?…`. The secret is Base32 without padding; the algorithm is
/// `SHA1`, `SHA256` or `SHA512`. Colons are removed from issuer and account, because a colon separates them in the
/// label.
#[must_use]
pub fn otpauth_uri(
    issuer: &str,
    account: &str,
    secret: &str,
    digits: u32,
    algorithm: &str,
    order: ParameterOrder,
) -> Zeroizing<String> {
    let issuer = component(&issuer.replace(':', ""));
    let account = component(&account.replace(':', ""));
    Zeroizing::new(match order {
        ParameterOrder::SecretFirst => format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&period={PERIOD}&digits={digits}&algorithm={algorithm}\
             &issuer={issuer}"
        ),
        ParameterOrder::SecretLast if (digits, algorithm) == DEFAULTS => {
            format!("otpauth://totp/{issuer}:{account}?issuer={issuer}&secret={secret}")
        }
        ParameterOrder::SecretLast => format!(
            "otpauth://totp/{issuer}:{account}?digits={digits}&algorithm={algorithm}&issuer={issuer}&secret={secret}"
        ),
    })
}

/// Percent-encodes a text as `encodeURIComponent` does (ECMA-262, 19.2.6): everything but ``A-Za-z0-9-_.!~*'()``.
fn component(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn uri(issuer: &str, account: &str, order: ParameterOrder) -> String {
        otpauth_uri(issuer, account, SECRET, 6, "SHA1", order).to_string()
    }

    #[test]
    fn an_otpauth_uri_has_issuer_account_secret_and_all_parameters() {
        assert_eq!(
            uri("Example Ltd", "alice@example.com", ParameterOrder::SecretFirst),
            "otpauth://totp/Example%20Ltd:alice%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&period=30&digits=6\
             &algorithm=SHA1&issuer=Example%20Ltd"
        );
        assert_eq!(
            *otpauth_uri("Example", "alice", SECRET, 8, "SHA256", ParameterOrder::SecretFirst),
            "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&period=30&digits=8&algorithm=SHA256\
             &issuer=Example"
        );
    }

    #[test]
    fn a_uri_can_end_in_the_secret() {
        assert_eq!(
            uri("Example", "alice@example.com", ParameterOrder::SecretLast),
            "otpauth://totp/Example:alice%40example.com?issuer=Example&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        let other = otpauth_uri("Example", "alice", SECRET, 8, "SHA1", ParameterOrder::SecretLast);
        assert!(other.ends_with(&format!("&secret={SECRET}")) && other.contains("digits=8"), "{}", *other);
    }

    #[test]
    fn text_is_percent_encoded_like_encode_uri_component() {
        let table = [
            ("a b", "a%20b"),
            ("a@b", "a%40b"),
            ("a+b", "a%2Bb"),
            ("a/b?c#d&e=f%", "a%2Fb%3Fc%23d%26e%3Df%25"),
            ("-_.!~*'()", "-_.!~*'()"),
            ("\"<>[]{}|\\^`,;$", "%22%3C%3E%5B%5D%7B%7D%7C%5C%5E%60%2C%3B%24"),
            ("Zoë", "Zo%C3%AB"),
            ("示例", "%E7%A4%BA%E4%BE%8B"),
            ("\r\n\0", "%0D%0A%00"),
        ];
        for (text, encoded) in table {
            assert_eq!(component(text), encoded, "{text:?}");
        }
    }

    #[test]
    fn colons_are_removed_from_the_issuer_and_the_account_name() {
        assert_eq!(
            uri("Ex:ample", "urn:user:1", ParameterOrder::SecretLast),
            format!("otpauth://totp/Example:urnuser1?issuer=Example&secret={SECRET}")
        );
    }
}
