"""numba kernels of the unigram model: a trie, and sums over segmentations.

Texts, and pieces likewise, lie end to end in one uint8 array; ``ends`` (n,) int64 says where each
one ends. A segmentation of a text is a path from its start to its end along edges that are pieces.
All sums over paths run from the end of a text to its start, so that the edges from a place are
found by walking down the trie, and a path can be read off, or drawn, from left to right.
"""

from __future__ import annotations

import numpy as np

from zoo_builtin.tokenizers.jit import inline, kernel

NODE_BITS = 27
NODE_MASK = (1 << NODE_BITS) - 1
MULTIPLIER = -7046029254386353131  # 2**64 / golden ratio: spreads the keys of a hash table


# ── The trie ──────────────────────────────────────────────────────────────────────────────────────


@kernel
def count_nodes(text, ends):
    """How many nodes the trie of sorted pieces has."""
    nodes = 1
    before = start = 0
    for end in ends:
        shared = 0
        while before + shared < start and start + shared < end:
            if text[before + shared] != text[start + shared]:
                break
            shared += 1
        nodes += end - start - shared
        before, start = start, end
    return nodes


@inline
def slot_of(edges, key):
    """Where the edge of this key is, or the free slot where it belongs."""
    last = len(edges) - 1
    slot = (key * MULTIPLIER >> 32) & last
    while edges[slot] and edges[slot] >> NODE_BITS != key:
        slot = (slot + 1) & last
    return slot


@inline
def child(edges, node, byte):
    """The node that ``byte`` leads to; 0 where there is none."""
    return edges[slot_of(edges, node << 8 | byte)] & NODE_MASK


@kernel
def plant(text, ends, edges, found):
    """Make the trie of distinct pieces in ``edges`` and ``found``, both still empty.

    ``edges`` is a hash table of ``parent << 8 | byte`` -> child, each slot
    ``key << NODE_BITS | child``, 0 where free; node 0 is the root. ``found`` (nodes,) is the number
    of the piece that ends at a node, or -1.
    """
    nodes = 1
    start = 0
    for piece in range(len(ends)):
        node = 0
        for place in range(start, ends[piece]):
            key = node << 8 | text[place]
            slot = slot_of(edges, key)
            if edges[slot] == 0:
                edges[slot] = key << NODE_BITS | nodes
                nodes += 1
            node = edges[slot] & NODE_MASK
        found[node] = piece
        start = ends[piece]


# ── The best segmentation ─────────────────────────────────────────────────────────────────────────


@inline
def best_path(text, start, end, whole, edges, found, log_probs, scores, steps, firsts):
    """Viterbi: from each place of a text, the best sum to its end and the piece to take first.

    ``scores`` (length + 1,), ``steps`` and ``firsts`` (length,) are filled with the sums, the
    lengths of those pieces and the pieces. Between equal sums the longer piece wins. ``whole`` says
    whether a piece may be all of the text.
    """
    length = end - start
    scores[length] = 0.0
    for i in range(length - 1, -1, -1):
        scores[i] = -np.inf
        node = 0
        for j in range(i + 1, length + 1):
            node = child(edges, node, text[start + j - 1])
            if node == 0:
                break
            piece = found[node]
            if piece >= 0 and (whole or j - i < length):
                score = log_probs[piece] + scores[j]
                if score >= scores[i]:
                    scores[i], steps[i], firsts[i] = score, j - i, piece


@kernel
def best_pieces(text, ends, edges, found, log_probs, scores, steps, firsts, pieces):
    """Fill ``pieces`` with the best segmentation of each text, end to end; returns their number."""
    total = start = 0
    for end in ends:
        best_path(text, start, end, True, edges, found, log_probs, scores, steps, firsts)
        i = 0
        while i < end - start:
            pieces[total] = firsts[i]
            total += 1
            i += steps[i]
        start = end
    return total


@kernel
def losses(text, ends, edges, found, counts, log_probs, scores, steps, firsts, lost):
    """Fill ``lost`` with how far the log-likelihood falls when a piece is taken away.

    Texts are the pieces themselves. What is expected of a piece, its ``counts``, then goes to the
    pieces of its own best segmentation, whose probabilities rise by that. Single bytes stay, and
    are left out.
    """
    total = 0.0
    for count in counts:
        total += count
    start = 0
    for index in range(len(ends)):
        end = ends[index]
        count = counts[index]
        if end - start > 1:
            best_path(text, start, end, False, edges, found, log_probs, scores, steps, firsts)
            i = n_parts = 0
            without = 0.0
            while i < end - start:
                without += np.log(counts[firsts[i]] + count)
                n_parts += 1
                i += steps[i]
            without -= n_parts * np.log(total + count * (n_parts - 1))
            lost[index] = count * (log_probs[index] - without)
        start = end


# ── Sums over all segmentations ───────────────────────────────────────────────────────────────────


@inline
def sum_paths(text, start, end, edges, found, log_probs, sums, terms):
    """Fill ``sums`` (length + 1,): from each place, log Σ of the probabilities of paths to the end.

    A path's probability is the product of its pieces'. So the share of the paths through i that go
    on with a piece to j is exp(log_probs[piece] + sums[j] − sums[i]).
    """
    length = end - start
    sums[length] = 0.0
    for i in range(length - 1, -1, -1):
        n_terms = node = 0
        most = -np.inf
        for j in range(i + 1, length + 1):
            node = child(edges, node, text[start + j - 1])
            if node == 0:
                break
            piece = found[node]
            if piece >= 0:
                term = log_probs[piece] + sums[j]
                if term > -np.inf:
                    most = max(most, term)
                    terms[n_terms] = term
                    n_terms += 1
        total = 0.0
        for t in range(n_terms):
            total += np.exp(terms[t] - most)
        sums[i] = most + np.log(total) if n_terms else -np.inf


@kernel
def expected_counts(text, ends, weights, edges, found, log_probs, sums, terms, passes, counts):
    """Add to ``counts`` how often each piece is expected; returns the texts' log-likelihood.

    A text counts ``weights`` times. How often its segmentations pass a place is carried from left
    to right, divided at each place by the shares of the pieces that lead on.
    """
    likelihood = 0.0
    start = 0
    for index in range(len(ends)):
        end = ends[index]
        length = end - start
        sum_paths(text, start, end, edges, found, log_probs, sums, terms)
        likelihood += weights[index] * sums[0]
        for i in range(length + 1):
            passes[i] = 0.0
        passes[0] = weights[index]
        for i in range(length):
            if passes[i] > 0.0:
                node = 0
                for j in range(i + 1, length + 1):
                    node = child(edges, node, text[start + j - 1])
                    if node == 0:
                        break
                    piece = found[node]
                    if piece >= 0:
                        expected = passes[i] * np.exp(log_probs[piece] + sums[j] - sums[i])
                        counts[piece] += expected
                        passes[j] += expected
        start = end
    return likelihood


@kernel
def drawn_pieces(text, ends, draws, edges, found, log_probs, sums, terms, pieces):
    """Fill ``pieces`` with a segmentation of each text, drawn by its probability.

    Returns how many pieces there are. ``draws`` (len(text),) are uniform in [0, 1): that of a place
    chooses the piece to go on with.
    """
    total = start = 0
    for end in ends:
        length = end - start
        sum_paths(text, start, end, edges, found, log_probs, sums, terms)
        i = 0
        while i < length:
            left = draws[start + i]
            node = 0
            chosen = i
            for j in range(i + 1, length + 1):
                node = child(edges, node, text[start + j - 1])
                if node == 0 or left < 0.0:
                    break
                piece = found[node]
                if piece >= 0:
                    share = np.exp(log_probs[piece] + sums[j] - sums[i])
                    if share > 0.0:  # shares may add up to a little less than 1: then the last
                        left -= share
                        pieces[total] = piece
                        chosen = j
            total += 1
            i = chosen
        start = end
    return total


# ── Candidates ────────────────────────────────────────────────────────────────────────────────────


@inline
def whole_characters(text, start, length):
    """How many bytes of text[start : start + length] there are before a character that is cut off.

    All, if that is the only one.
    """
    place = start + length - 1
    while place > start and text[place] & 0xC0 == 0x80:
        place -= 1
    lead = text[place]
    needed = 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)
    return length if place == start or place + needed <= start + length else place - start


@kernel
def substrings(text, order, limits, weights, depth, weight, places, lengths, counts):
    """Frequent substrings: each that isn't always followed by the same character, with its count.

    ``order`` (m,) are the places of ``text`` sorted by what follows them, of which limits[place]
    bytes count; ``weights`` (m,), in that order, are how often each is there. The substrings of at
    least two bytes, there at least twice, go to ``places``, ``lengths`` and ``counts``, all
    (2m,); returns how many. They are the inner nodes of the suffix tree (Abouelhoda et al. 2004)
    and its leaves, without a character that is cut off behind others. ``depth`` and ``weight`` hold
    the nodes above the present one, and need room for the greatest limit.
    """
    n_found = last = 0
    top = -1
    for index in range(len(order) + 1):
        shared = 0
        place = order[index] if index < len(order) else 0
        if 0 < index < len(order):
            most = min(limits[last], limits[place])
            while shared < most and text[last + shared] == text[place + shared]:
                shared += 1
        while top >= 0 and depth[top] > shared:
            above = max(shared, depth[top - 1] if top > 0 else 0)
            length = whole_characters(text, last, depth[top])
            if length > max(above, 1) and weight[top] > 1:
                places[n_found], lengths[n_found] = last, length
                counts[n_found] = weight[top]
                n_found += 1
            if shared > 0 and (top == 0 or depth[top - 1] < shared):
                depth[top] = shared
            else:
                top -= 1
                if top >= 0:
                    weight[top] += weight[top + 1]
        if index < len(order):
            if top < 0 or depth[top] < limits[place]:
                top += 1
                depth[top], weight[top] = limits[place], 0
            weight[top] += weights[index]
            last = place
    return n_found
