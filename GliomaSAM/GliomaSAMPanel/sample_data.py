"""The sample data: a patient of BraTS 2023 with four volumes and no labels."""

ADDRESS = "https://github.com/lassoan/SlicerMONAIAuto3DSeg/releases/download/TestingData/"
NAME = "BraTS-GLI-00001-000"
CHECKSUMS = {
    "t1n": "e860924b936e301ddeba20409fbb59dde322475cb49328f1b46a9235c792e73e",
    "t1c": "4399faadcc45c8a4541313cdf88aced7d835ed59ac3078d950e0eac293d603f5",
    "t2w": "4cd389cc57d12134a30a898c66532228126b9a7d0600ee578e82a32144528b51",
    "t2f": "82aed8546af5e6d8d94fd91c56227abdcf6120130390d1556c4342a208980604",
}
"""SHA-256 of the files, by the end of their names."""


def registerSampleData(icon):
    """Offer the patient in the module Sample Data.

    Args:
        icon: Path of the picture that is shown there.
    """
    from SampleData import SampleDataLogic

    SampleDataLogic.registerCustomSampleDataSource(
        category="GliomaSAM",
        sampleName="GliomaSAMBraTS",
        thumbnailFileName=icon,
        uris=[f"{ADDRESS}{NAME}-{part}.nii.gz" for part in CHECKSUMS],
        fileNames=[f"{NAME}-{part}.nii.gz" for part in CHECKSUMS],
        nodeNames=[f"{NAME}-{part}" for part in CHECKSUMS],
        checksums=[f"SHA256:{value}" for value in CHECKSUMS.values()],
        loadFileTypes=["VolumeFile"] * len(CHECKSUMS),
    )
