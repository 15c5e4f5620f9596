//! Links: hostile ones, and the forms that are the same link.

use proptest::prelude::*;

use super::*;

fn hosts() -> PhotoHosts {
    PhotoHosts::parse("photos.example.com, bucket.s3.eu-central-1.amazonaws.com,xn--fotos-kva.example").unwrap()
}

#[test]
fn a_link_to_a_host_of_the_list_keeps_its_path_and_query_t36() {
    let table = [
        ("https://photos.example.com/a.jpg", "photos.example.com", "/a.jpg"),
        ("https://photos.example.com", "photos.example.com", "/"),
        ("https://photos.example.com?x=1", "photos.example.com", "/?x=1"),
        ("https://photos.example.com:443/a", "photos.example.com", "/a"),
        ("HTTPS://Photos.EXAMPLE.com/A.jpg", "photos.example.com", "/A.jpg"),
        ("https://photos.example.com//other.example/a", "photos.example.com", "//other.example/a"),
        ("https://photos.example.com/@other.example/a", "photos.example.com", "/@other.example/a"),
        ("https://photos.example.com/?u=http://other.example", "photos.example.com", "/?u=http://other.example"),
        ("https://photos.example.com/%2e%2e/../a%00", "photos.example.com", "/%2e%2e/../a%00"),
        ("https://XN--FOTOS-KVA.example/a", "xn--fotos-kva.example", "/a"),
        (
            "https://bucket.s3.eu-central-1.amazonaws.com/u/1.jpg?X-Amz-Signature=0a&X-Amz-Credential=A%2F1",
            "bucket.s3.eu-central-1.amazonaws.com",
            "/u/1.jpg?X-Amz-Signature=0a&X-Amz-Credential=A%2F1",
        ),
    ];
    for (text, host, path) in table {
        let link = hosts().link(text).unwrap();
        assert_eq!((link.host(), link.path()), (host, path), "{text}");
    }
}

#[test]
fn every_hostile_link_is_refused_t36() {
    use InvalidLink::{Malformed, OtherHost};
    let table = [
        // Addresses, in every notation that some reader takes.
        ("https://169.254.169.254/latest/meta-data/", OtherHost),
        ("https://2852039166/", OtherHost),
        ("https://0xa9fea9fe/", OtherHost),
        ("https://0xa9.0xfe.0xa9.0xfe/", OtherHost),
        ("https://0251.0376.0251.0376/", OtherHost),
        ("https://169.254.43518/", OtherHost),
        ("https://[::ffff:169.254.169.254]/", Malformed),
        ("https://[::ffff:a9fe:a9fe]/", Malformed),
        ("https://[fd00:ec2::254]/", Malformed),
        ("https://[fe80::1%25eth0]/", Malformed),
        ("https://①⑥⑨.②⑤④.①⑥⑨.②⑤④/", Malformed),
        ("https://127.1/", OtherHost),
        ("https://0/", OtherHost),
        ("https://localhost/", OtherHost),
        // Other hosts that look like one of the list.
        ("https://other.example/", OtherHost),
        ("https://photos.example.com.other.example/", OtherHost),
        ("https://xphotos.example.com/", OtherHost),
        ("https://a.photos.example.com/", OtherHost),
        ("https://photos.example/", OtherHost),
        ("https://photos.example.com./", OtherHost),
        ("https://photos.example.com.:443/", OtherHost),
        ("https://.photos.example.com/", OtherHost),
        ("https://photos..example.com/", OtherHost),
        ("https://photos.example.co%6d/", OtherHost),
        ("https://photos%2eexample.com/", OtherHost),
        ("https://photos.example.com%2f.other.example/", OtherHost),
        ("https://photos.example.com%00.other.example/", OtherHost),
        ("https://photos。example。com/", Malformed),
        ("https://photos．example．com/", Malformed),
        ("https://photos.exam\u{ad}ple.com/", Malformed),
        ("https://ｐhotos.example.com/", Malformed),
        ("https://photo\u{17f}.example.com/", Malformed),
        // Users.
        ("https://photos.example.com@other.example/", OtherHost),
        ("https://user@photos.example.com/", OtherHost),
        ("https://user:password@photos.example.com/", OtherHost),
        ("https://@photos.example.com/", OtherHost),
        ("https://other.example@photos.example.com/", OtherHost),
        ("https://photos.example.com:443@other.example/", OtherHost),
        ("https://other.example;@photos.example.com/", OtherHost),
        // Characters that readers take for the end of the host, or leave out.
        ("https://other.example#@photos.example.com/", Malformed),
        ("https://photos.example.com#@other.example/", Malformed),
        ("https://photos.example.com/a.jpg#part", Malformed),
        ("https://photos.example.com\\@other.example/", Malformed),
        ("https://other.example\\.photos.example.com/", Malformed),
        ("https:\\\\photos.example.com/", Malformed),
        ("https://photos.example.com/a\\b", Malformed),
        ("https://photos.exam\tple.com/", Malformed),
        ("https://photos.example.com/\r\nHost: other.example", Malformed),
        ("https://photos.example.com/a b", Malformed),
        ("https://photos.example.com/\0", Malformed),
        (" https://photos.example.com/", Malformed),
        ("https://photos.example.com/ ", Malformed),
        ("\u{feff}https://photos.example.com/", Malformed),
        ("https://photos.example.com/ä.jpg", Malformed),
        ("https://photos.example.com/<a>", Malformed),
        // Ports.
        ("https://photos.example.com:80/", OtherHost),
        ("https://photos.example.com:8443/", OtherHost),
        ("https://photos.example.com:22/", OtherHost),
        ("https://photos.example.com:/", OtherHost),
        ("https://photos.example.com:0443/", OtherHost),
        ("https://photos.example.com:+443/", OtherHost),
        ("https://photos.example.com:443:443/", OtherHost),
        ("https://photos.example.com:65979/", OtherHost),
        // Schemes.
        ("http://photos.example.com/", Malformed),
        ("ftp://photos.example.com/", Malformed),
        ("file:///etc/passwd", Malformed),
        ("gopher://photos.example.com/", Malformed),
        ("data:image/jpeg;base64,AAAA", Malformed),
        ("javascript://photos.example.com/", Malformed),
        ("httpss://photos.example.com/", Malformed),
        ("view-source:https://photos.example.com/", Malformed),
        ("//photos.example.com/", Malformed),
        ("https:photos.example.com/", Malformed),
        ("https:/photos.example.com/", Malformed),
        ("https:///photos.example.com/", OtherHost),
        ("https://", OtherHost),
        ("https:///", OtherHost),
        ("https://?photos.example.com/", OtherHost),
        ("photos.example.com/a.jpg", Malformed),
        ("/a.jpg", Malformed),
        ("", Malformed),
    ];
    for (text, error) in table {
        assert_eq!(hosts().link(text), Err(error), "{text:?}");
    }
}

#[test]
fn a_link_has_a_greatest_length_t36() {
    let longest = format!("{:a<MOST_LINK_BYTES$}", "https://photos.example.com/");
    assert!(hosts().link(&longest).is_ok());
    assert_eq!(hosts().link(&(longest + "a")), Err(InvalidLink::Malformed));
}

#[test]
fn without_hosts_no_link_is_valid_t36() {
    for list in ["", " ", ",", " , "] {
        let hosts = PhotoHosts::parse(list).unwrap();
        assert!(hosts.is_empty());
        assert_eq!(hosts.link("https://photos.example.com/"), Err(InvalidLink::OtherHost));
        assert_eq!(hosts.link("https:///"), Err(InvalidLink::OtherHost));
    }
    assert!(!hosts().is_empty());
}

#[test]
fn an_entry_of_the_list_is_a_full_name_t36() {
    let long = "a".repeat(64) + ".example";
    let longer = [&*"a".repeat(63); 4].join(".") + ".example";
    let invalid = [
        "localhost",
        "example",
        "127.0.0.1",
        "2852039166",
        "0xa9fea9fe",
        "0x7f.1",
        "1.2.3.0x4",
        "10.0.0.1.",
        "[::1]",
        "::1",
        "photos.example.com.",
        ".photos.example.com",
        "photos..example.com",
        "*.example.com",
        "*",
        "photos.example.com:443",
        "https://photos.example.com",
        "photos.example.com/",
        "user@photos.example.com",
        "-photos.example.com",
        "photos-.example.com",
        "photos_1.example.com",
        "fotös.example",
        "photos.example com",
        "photos.example.1com",
        "photos.example.123",
        &long,
        &longer,
    ];
    for entry in invalid {
        let list = format!("photos.example.com,{entry}");
        assert_eq!(PhotoHosts::parse(&list), Err(InvalidHost(entry.to_owned())), "{entry}");
    }
    let mixed = PhotoHosts::parse("Photos.Example.COM").unwrap();
    assert_eq!(mixed.link("https://photos.example.com/").unwrap().host(), "photos.example.com");
}

#[test]
fn a_link_is_printed_without_its_path_t36() {
    let link = hosts().link("https://photos.example.com/anna.ample?signature=secret").unwrap();
    assert_eq!(format!("{link:?}"), r#"PhotoLink { host: "photos.example.com", .. }"#);
}

proptest! {
    /// Whatever the text is: a link that is read can be sent, and only to a host of the list.
    #[test]
    fn any_text_is_refused_or_leads_to_a_host_of_the_list_t36(
        text in "(https|http|HTTPS|)(://|:|//|)(photos\\.example\\.com|[a-z0-9@:.%\\[\\]#?/\\\\]{0,12}){1,3}\\PC{0,12}",
    ) {
        if let Ok(link) = hosts().link(&text) {
            prop_assert_eq!(link.host(), "photos.example.com");
            prop_assert!(link.path().starts_with('/') && link.path().is_ascii());
            prop_assert!(text.ends_with(link.path().trim_start_matches('/')));
        }
    }
}
