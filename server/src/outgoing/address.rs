//! Which addresses belong to the public internet. Source: the IANA registries of special-purpose addresses, and the addresses
//! under which clouds hand out a machine's credentials.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The host of a cloud's virtual machines, asked under a public address (Azure). Those of the others lie in ranges that are not public.
const CLOUD_HOST: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// Whether anybody may be reached there: not loopback, private, link-local, shared, multicast or reserved, neither as such nor
/// inside an IPv6 address that stands for an IPv4 one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_special = match address.octets() {
        // This network, loopback, multicast and what is reserved above it.
        [0 | 127 | 224..=255, ..] => true,
        // Private.
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => true,
        // Shared by the customers of a carrier.
        [100, 64..=127, ..] => true,
        // Link-local, where clouds tell machines their secrets.
        [169, 254, ..] => true,
        // Protocol assignments, documentation, the relays of 6to4, benchmarks.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        _ => false,
    };
    !is_special && address != CLOUD_HOST
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Mapped IPv4, and IPv4 behind the well-known translation prefix: what counts is whom it stands for.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(ipv4(high, low)),
        // 6to4: the packet travels to the IPv4 address inside.
        [0x2002, high, low, ..] => is_public_v4(ipv4(high, low)),
        // Protocol assignments (Teredo, benchmarks, overlays) and documentation, in the midst of global unicast.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Nothing outside of 2000::/3 is global unicast.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

fn ipv4(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn addresses_of_the_public_internet_may_be_reached() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.0.1",
            "169.255.0.1",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert!(is_public(ip(address)), "{address}");
        }
    }

    #[test]
    fn addresses_of_anybody_s_own_network_may_not() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "100.64.0.1",
            "100.127.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "192.0.0.1",
            "192.88.99.1",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "2001:db8::1",
            "3fff:fff::1",
            "5f00::1",
            "2001::1",
            "2001:2::1",
            "2001:20::1",
            "64:ff9b:1::808:808",
        ] {
            assert!(!is_public(ip(address)), "{address}");
        }
    }

    #[test]
    fn where_clouds_hand_out_credentials_nobody_may_look() {
        for address in
            ["169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"]
        {
            assert!(!is_public(ip(address)), "{address}");
        }
    }

    proptest! {
        #[test]
        fn an_ipv4_address_is_judged_the_same_in_every_disguise(octets in any::<[u8; 4]>()) {
            let address = Ipv4Addr::from(octets);
            let [a, b, c, d] = octets.map(u16::from);
            let (high, low) = (a << 8 | b, c << 8 | d);
            let disguises = [
                address.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ];
            for disguise in disguises {
                prop_assert_eq!(is_public(disguise.into()), is_public(address.into()), "{}", disguise);
            }
        }

        #[test]
        fn whatever_the_standard_library_calls_private_is_not_public(octets in any::<[u8; 4]>()) {
            let address = Ipv4Addr::from(octets);
            if address.is_private() || address.is_loopback() || address.is_link_local() || address.is_multicast()
                || address.is_broadcast() || address.is_documentation() || address.is_unspecified()
            {
                prop_assert!(!is_public(address.into()));
            }
        }
    }
}
