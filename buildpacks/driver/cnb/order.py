# SPDX-License-Identifier: MIT
"""Which packs serve the app: the first group of an order whose packs fit and whose plans agree
(buildpack specification, Detection)."""

import itertools

GROUPS_MAX = 1000
TRIALS_MAX = 10000


DEPTH_MAX = 16


class Unfit(Exception):
    """The group does not serve this app."""


def expand(elements, before=(), depth=0):
    """The groups that ELEMENTS stand for, in the order in which they are tried: a composite pack becomes
    its groups, one after the other, and an optional one at last none. A pack comes once in a group."""
    if not elements:
        yield list(before)
        return
    first, rest = elements[0], elements[1:]
    if not hasattr(first, "groups"):
        known = first.id in {pack.id for pack in before}
        yield from expand(rest, before if known else (*before, first), depth)
        return
    if depth == DEPTH_MAX:
        raise Unfit(f"composite buildpack '{first.id}' lists itself, or is too deep")
    for group in first.groups():
        yield from expand([*group, *rest], before, depth + 1)
    if first.optional:
        yield from expand(rest, before, depth)


def lack(group, place):
    """What keeps the pack at PLACE of [(pack, (provides, requires))] out, or None. It may use what it
    provides itself."""
    pack, (provides, requires) = group[place]
    before = {p["name"] for _, (some, _) in group[:place + 1] for p in some}
    after = {r["name"] for _, (_, some) in group[place:] for r in some}
    for r in requires:
        if r["name"] not in before:
            return f"{pack.id} requires {r['name']}, which no pack before it provides"
    for p in provides:
        if p["name"] not in after:
            return f"{pack.id} provides {p['name']}, which nobody after it requires"
    return None


def try_plans(group):
    """GROUP is [(pack, (provides, requires))]: the entries for each pack, or Unfit. Optional packs that
    nobody needs, or that lack something, are left out, which may leave others without."""
    while True:
        reasons = [(place, lack(group, place)) for place in range(len(group))]
        bad = [(place, why) for place, why in reasons if why]
        if not bad:
            break
        for place, why in bad:
            if not group[place][0].optional:
                raise Unfit(why)
        group = [one for place, one in enumerate(group) if place != bad[0][0]]
    entries = {pack: [] for pack, _ in group}
    for _, (_, requires) in group:
        for r in requires:
            # every pack that provides it hears of it, until one says that it met it
            for pack, (provides, _) in group:
                if r["name"] in {p["name"] for p in provides}:
                    entries[pack].append(r)
    return entries


def resolve(packs):
    """The entries for each pack of the group that stays, or Unfit."""
    fitting = []
    for pack in packs:
        plans = pack.detect()
        if plans:
            fitting.append((pack, plans))
        elif not pack.optional:
            raise Unfit(pack.refusal)
    if not fitting:
        raise Unfit("no pack of the group fits this app")
    why = None
    for choice in itertools.islice(itertools.product(*(plans for _, plans in fitting)), TRIALS_MAX):
        try:
            entries = try_plans([(pack, plan) for (pack, _), plan in zip(fitting, choice)])
            if entries:
                return entries
            why = why or "no pack of the group is needed"
        except Unfit as e:
            why = why or str(e)
    raise Unfit(why)


def choose(elements):
    """The entries for each pack of the first group that fits, or Unfit with what was wrong with each."""
    whys = []
    for group in itertools.islice(expand(elements), GROUPS_MAX):
        try:
            return resolve(group)
        except Unfit as e:
            if str(e) not in whys:
                whys.append(str(e))
    raise Unfit("\n".join(whys) or "no group has a pack")
