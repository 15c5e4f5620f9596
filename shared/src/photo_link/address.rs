//! Public addresses: those that everyone reaches over the Internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses: the first one, and the length of the prefix in bits.
type Block<Address> = (Address, u32);

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u32) -> Block<Ipv4Addr> {
    (Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(a: u16, b: u16, bits: u32) -> Block<Ipv6Addr> {
    (Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), bits)
}

/// The blocks of IPv4 that are not public: of the IANA IPv4 Special-Purpose Address Registry (RFC 6890), all but the
/// ones of AS112 and AMT, which are reached like any other; and multicast.
const SPECIAL_V4: [Block<Ipv4Addr>; 16] = [
    v4(0, 0, 0, 0, 8),        // this network
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // carriers' own (CGNAT)
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // the host of a virtual machine on Azure: not in the registry
    v4(169, 254, 0, 0, 16),   // link-local, with the metadata of virtual machines
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 88, 99, 0, 24),   // relays of 6to4
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved, and broadcast
];

/// The block of IPv6 from which public addresses are assigned (RFC 4291, section 2.4; IANA IPv6 Address Space).
const GLOBAL_V6: Block<Ipv6Addr> = v6(0x2000, 0, 3);

/// The blocks inside [`GLOBAL_V6`] that are not public (IANA IPv6 Special-Purpose Address Registry).
const SPECIAL_V6: [Block<Ipv6Addr>; 4] = [
    v6(0x2001, 0, 23),     // protocol assignments, with Teredo, benchmarks and ORCHID
    v6(0x2001, 0xdb8, 32), // documentation
    v6(0x2002, 0, 16),     // 6to4, which contains any IPv4 address
    v6(0x3fff, 0, 20),     // documentation
];

/// The translation of IPv4 addresses in networks that have IPv6 alone (NAT64, RFC 6052). The last 32 bits are the IPv4
/// address.
const TRANSLATED: Block<Ipv6Addr> = v6(0x64, 0xff9b, 96);

/// Whether an address is reached over the Internet by everyone, and so is not one of the operator's own network. An
/// IPv6 address that stands for an IPv4 address is judged as that one.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    !SPECIAL_V4.into_iter().any(|(first, bits)| (address.to_bits() ^ first.to_bits()).leading_zeros() >= bits)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let is_in = |(first, bits): Block<Ipv6Addr>| (address.to_bits() ^ first.to_bits()).leading_zeros() >= bits;
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    if is_in(TRANSLATED) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    is_in(GLOBAL_V6) && !SPECIAL_V6.into_iter().any(is_in)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(address: &str) -> bool {
        is_public(address.parse().unwrap())
    }

    /// The first and the last address of each block, and of each that lies inside one and is known for itself.
    #[test]
    fn special_addresses_are_not_public_t36() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "169.254.170.2",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.192",
            "192.0.0.255",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::10.0.0.1",
            "::8.8.8.8",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.1.2.3",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "2001:db8::1",
            "2002::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::",
            "2002:808:808::",
            "3fff::1",
            "3fff:fff:ffff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ffff::1",
        ] {
            assert!(!judged(address), "{address}");
        }
    }

    /// The neighbours of each block, and some well-known servers.
    #[test]
    fn ordinary_addresses_are_public_t36() {
        for address in [
            "1.0.0.0",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "52.95.110.1",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2001:db7::1",
            "2001:db9::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2600:1f18::1",
            "2a05:d018::1",
            "3ffe::1",
            "3fff:1000::1",
        ] {
            assert!(judged(address), "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_form_of_an_ipv4_address_is_more_public_than_itself_t36(bits: u32) {
            let plain = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = plain.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            prop_assert_eq!(is_public(plain.to_ipv6_mapped().into()), is_public(plain.into()));
            let translated = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low);
            prop_assert_eq!(is_public(translated.into()), is_public(plain.into()));
            for wrapped in [Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1), Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low)] {
                prop_assert!(!is_public(wrapped.into()));
            }
        }
    }
}
