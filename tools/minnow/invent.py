# SPDX-License-Identifier: Apache-2.0
"""Words that nobody knows."""
ONSETS = ("b br c ch cl cr d dr f fl fr g gl gr h j k kl kn l m n p pl pr qu r s sc sh sk sl sm sn sp st str "
          "t th tr v w wh wr y z").split()
VOWELS = "a e i o u a e i o u ai ea ee ie oa oo ou au ei io".split()
CODAS = [""] * 3 + ("n r l s t m nd nt rk st ck ng x d p ll sh rt lf mp ve te ne ry tion ment er ing le "
                    "ity").split()


def syllable(rng):
    return rng.choice(ONSETS) + rng.choice(VOWELS) + (rng.choice(CODAS) if rng.random() < 0.6 else "")


def invented(rng):
    """A word, or a name of two, that nobody knows."""
    def one():
        word = "".join(syllable(rng) for _ in range(rng.randint(1, 3)))
        return word.capitalize() if rng.random() < 0.4 else word
    return one() if rng.random() < 0.7 else one() + " " + one()
