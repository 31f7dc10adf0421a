"""What the official files are: names, sizes, checksums, addresses, licences.

A digest is written as pooch writes it, "sha256:..." or "md5:..."; `None` where none was
published. Only the standard library is imported here, so that the command line may.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Content:
    """One official file, decompressed."""

    name: str
    n_bytes: int | None = None
    """Exact size; `None` where several writings of the same numbers are in use."""
    digest: str | None = None


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One file to download and what is inside it."""

    addresses: tuple[str, ...]
    """Full addresses, tried in order."""
    contents: tuple[Content, ...]
    digest: str | None = None

    @property
    def name(self) -> str:
        return self.addresses[0].rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Constants of `standardised`: (x / maximum - mean) / std, per channel.

    They are those of arXiv 2306.08125's experiments for MNIST and CIFAR, and moments of
    the training images (rounded) for the others.
    """

    maximum: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)


@dataclass(frozen=True, kw_only=True)
class Official:
    """One data set as its authors publish it."""

    name: str
    title: str
    n_train: int
    n_test: int
    shape: tuple[int, ...]
    """Of one input: (height, width, channels) of an image, (length,) of a series."""
    n_classes: int
    normalisation: Normalisation
    archives: tuple[Archive, ...] = ()
    stand_ins: tuple[tuple[Content, ...], ...] = ()
    """Other sets of files, without checksums, that hold the same data."""
    folders: tuple[str, ...] = ()
    """Subfolders in which a user may keep the files."""
    licence: str
    citation: str

    @property
    def contents(self) -> tuple[Content, ...]:
        """The official files of all archives, in order."""
        return tuple(file for archive in self.archives for file in archive.contents)


_IDX = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}


def _idx_archives(
    mirrors: tuple[str, ...], archives_md5: list[str], contents_sha256: list[str]
) -> tuple[Archive, ...]:
    """The four files of MNIST's layout, each a gzip archive of its own."""
    digests = zip(_IDX.items(), archives_md5, contents_sha256, strict=True)
    return tuple(
        Archive(
            addresses=tuple(f"{mirror}{name}.gz" for mirror in mirrors),
            digest=f"md5:{md5}",
            contents=(Content(name=name, n_bytes=size, digest=f"sha256:{sha256}"),),
        )
        for (name, size), md5, sha256 in digests
    )


MNIST = Official(
    name="mnist",
    title="MNIST",
    n_train=60_000,
    n_test=10_000,
    shape=(28, 28, 1),
    n_classes=10,
    normalisation=Normalisation(mean=(0.1307,), std=(0.3081,)),
    archives=_idx_archives(
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        [
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ],
        [
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ],
    ),
    folders=("mnist", "MNIST", "MNIST/raw"),
    licence="CC BY-SA 3.0",
    citation="LeCun, Bottou, Bengio, Haffner, Proc. IEEE 86 (1998) 2278-2324",
)

FASHION_MNIST = Official(
    name="fashion-mnist",
    title="Fashion-MNIST",
    n_train=60_000,
    n_test=10_000,
    shape=(28, 28, 1),
    n_classes=10,
    normalisation=Normalisation(mean=(0.2860,), std=(0.3530,)),
    archives=_idx_archives(
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        [
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ],
        [
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ],
    ),
    folders=("fashion-mnist", "FashionMNIST", "FashionMNIST/raw"),
    licence="MIT",
    citation="Xiao, Rasul, Vollgraf, arXiv 1708.07747",
)

_CIFAR_10_MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}

CIFAR_10 = Official(
    name="cifar-10",
    title="CIFAR-10",
    n_train=50_000,
    n_test=10_000,
    shape=(32, 32, 3),
    n_classes=10,
    normalisation=Normalisation(mean=(0.491, 0.482, 0.447), std=(0.247, 0.243, 0.262)),
    archives=(
        Archive(
            addresses=("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
            digest="sha256:"
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            contents=tuple(
                Content(name=name, n_bytes=30_730_000, digest=f"md5:{md5}")
                for name, md5 in _CIFAR_10_MD5.items()
            ),
        ),
    ),
    folders=(
        "cifar-10",
        "cifar-10-batches-bin",
        "cifar-10/cifar-10-batches-bin",
    ),
    licence="none stated",
    citation="Krizhevsky, Learning multiple layers of features from tiny images (2009)",
)

CIFAR_100 = Official(
    name="cifar-100",
    title="CIFAR-100",
    n_train=50_000,
    n_test=10_000,
    shape=(32, 32, 3),
    n_classes=100,
    normalisation=Normalisation(
        mean=(0.5071, 0.4867, 0.4408), std=(0.2675, 0.2565, 0.2761)
    ),
    archives=(
        Archive(
            addresses=("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
            digest="sha256:"
            "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            contents=(
                Content(name="train.bin", n_bytes=153_700_000),
                Content(name="test.bin", n_bytes=30_740_000),
            ),
        ),
    ),
    folders=("cifar-100", "cifar-100-binary", "cifar-100/cifar-100-binary"),
    licence="none stated",
    citation=CIFAR_10.citation,
)

ECG5000 = Official(
    name="ecg5000",
    title="ECG5000",
    n_train=500,
    n_test=4500,
    shape=(140,),
    n_classes=5,
    normalisation=Normalisation(maximum=1.0),
    archives=(
        Archive(
            addresses=(
                "https://timeseriesclassification.com/aeon-toolkit/ECG5000.zip",
            ),
            contents=(
                Content(
                    name="ECG5000_TRAIN.txt",
                    n_bytes=1_128_500,
                    digest="sha256:"
                    "0d96aff193311a6dc6111bf0dbd2f7d2313987fbf7a1da4a383d92563876057b",
                ),
                Content(
                    name="ECG5000_TEST.txt",
                    n_bytes=10_156_500,
                    digest="sha256:"
                    "baf4ad57d28daa5e79050edd4185968181762bc83d45a757753015b4ba8ab295",
                ),
            ),
        ),
    ),
    stand_ins=(
        (Content(name="ECG5000_TRAIN.tsv"), Content(name="ECG5000_TEST.tsv")),
        tuple(
            Content(name=f"{name}.npy")
            for name in ("X_train", "y_train", "X_test", "y_test")
        ),
    ),
    folders=("ecg5000", "ECG5000", "UCRArchive_2018/ECG5000"),
    licence="none stated",
    citation="Dau et al., The UCR time series classification archive (2018)",
)

DIGITS = Official(
    name="digits",
    title="Digits (scikit-learn)",
    n_train=1442,
    n_test=355,
    shape=(8, 8, 1),
    n_classes=10,
    normalisation=Normalisation(maximum=16.0, mean=(0.3051,), std=(0.3762,)),
    licence="CC BY 4.0",
    citation="Alpaydin, Kaynak, Optical recognition of handwritten digits, UCI (1998)",
)

CIFAR = {"cifar10": "cifar-10", "cifar100": "cifar-100"}
"""By the names that runs of the study `images` store, those of today."""

OFFICIAL = {
    official.name: official
    for official in (DIGITS, MNIST, FASHION_MNIST, CIFAR_10, CIFAR_100, ECG5000)
}
