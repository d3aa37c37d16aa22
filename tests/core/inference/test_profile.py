import pytest

from hyperlift.core.inference.profile import public_name


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("/data/scene.tif", "/data/scene.tif"),
        ("C:\\data\\why? user@home=1.tif", "C:\\data\\why? user@home=1.tif"),
        (
            "PG:host=h user=me password=s3cret dbname='d' table='t'",
            "PG:host=h user=me password=*** dbname='d' table='t'",
        ),
        ("PG:password = 'a \\'b c' dbname=d", "PG:password = *** dbname=d"),
        ("MYSQL:d,user=me,password=s3cret,port=1", "MYSQL:d,user=me,password=***,port=1"),
        ("PG:postgresql://me:s3c@ret@h:5/d", "PG:postgresql://h:5/d"),
        ("/vsicurl/https://me:s3cret@h.org/a.tif", "/vsicurl/https://h.org/a.tif"),
        ("/vsicurl/https://h.org/a.tif?sv=1&sig=s3cret%2F=", "/vsicurl/https://h.org/a.tif"),
        ("/vsicurl?url=https%3A%2F%2Fme%3As3cret%40h/a.tif", "/vsicurl"),
        ('NETCDF:"/vsicurl/https://h.org/a.nc?sig=s3cret":b', 'NETCDF:"/vsicurl/https://h.org/a.nc":b'),
        ("WMS:https://h.org/wms?service=WMS&token=s3cret", "WMS:https://h.org/wms"),
        ("<GDAL_WMS><UserPwd>me:s3cret</UserPwd></GDAL_WMS>", "<GDAL_WMS><UserPwd>***</UserPwd></GDAL_WMS>"),
        ("GEOR:me/s3cret@db,table,column,id=1", "GEOR:***"),
    ],
)
def test_names_lose_their_credentials(name, public):
    assert public_name(name) == public
